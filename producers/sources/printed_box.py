"""The object of the synthetic source: a printed carton, made in code, with another picture on every side."""

import hashlib
import os
import tempfile
from pathlib import Path

import cv2
import numpy as np

from schemas.arrays import Array

SIZE_M = (0.110, 0.160, 0.070)
"""Width, height and depth of the carton."""
_TILE_PX = 256
_SIDES = ("posestream", "SIX SIDES", "keyed by job", "frames", "in poses", "metres")
_PAPER = ((214, 84, 60), (44, 110, 180), (236, 190, 60), (70, 150, 90), (140, 80, 160), (230, 226, 214))


def box_arrays() -> tuple[Array, Array, Array]:
    """Vertices (24, 3) in metres about the centre, faces (12, 3) wound outwards, uv (24, 2) with v upwards.

    Each side has its own tile in a texture of 3 x 2 tiles.
    """
    half = np.array(SIZE_M) / 2
    corners, faces, uv = [], [], []
    for side in range(6):
        axis, sign = divmod(side, 2)
        normal = np.eye(3)[axis] * (1 if sign else -1)
        across = np.eye(3)[(axis + 1) % 3]
        up = np.cross(normal, across)
        base, (column, row) = len(corners), (side % 3, side // 3)
        for s, t in ((0, 0), (1, 0), (1, 1), (0, 1)):
            corners.append((normal + (2 * s - 1) * across + (2 * t - 1) * up) * half)
            inset = 0.004  # stay off the neighbour's tile
            uv.append(((column + inset + s * (1 - 2 * inset)) / 3, (1 - row + inset + t * (1 - 2 * inset)) / 2))
        faces += [(base, base + 1, base + 2), (base, base + 2, base + 3)]
    return np.array(corners, np.float32), np.array(faces, np.int32), np.array(uv, np.float32)


def box_texture(seed: int) -> Array:
    """The (2 * 256, 3 * 256, 3) uint8 RGB print: per side a colour, shapes and a word."""
    rng = np.random.default_rng(seed)
    sheet = np.zeros((2 * _TILE_PX, 3 * _TILE_PX, 3), np.uint8)
    for side in range(6):
        tile = np.full((_TILE_PX, _TILE_PX, 3), _PAPER[side], np.uint8)
        for _ in range(14):
            centre = tuple(int(v) for v in rng.integers(20, _TILE_PX - 20, 2))
            colour = tuple(int(v) for v in rng.integers(20, 235, 3))
            if rng.random() < 0.5:
                cv2.circle(tile, centre, int(rng.integers(8, 34)), colour, -1, cv2.LINE_AA)
            else:
                far = (centre[0] + int(rng.integers(10, 60)), centre[1] + int(rng.integers(6, 24)))
                cv2.rectangle(tile, centre, far, colour, -1, cv2.LINE_AA)
        cv2.rectangle(tile, (18, 96), (_TILE_PX - 18, 156), (245, 243, 235), -1)
        cv2.putText(tile, _SIDES[side], (26, 136), cv2.FONT_HERSHEY_DUPLEX, 1.0, (30, 30, 34), 2, cv2.LINE_AA)
        row, column = divmod(side, 3)
        sheet[row * _TILE_PX : (row + 1) * _TILE_PX, column * _TILE_PX : (column + 1) * _TILE_PX] = tile
    return sheet


def write_box(folder: Path, texture: Array) -> Path:
    """Write the carton as OBJ with its texture below ``folder``; kept under the hash of its content.

    Returns:
        The path of ``mesh.obj``, in metres. It appears whole or not at all, also with several writers.
    """
    vertices, faces, uv = box_arrays()
    lines = ["mtllib mesh.mtl", "usemtl print"]
    lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices.tolist()]
    lines += [f"vt {s:.6f} {t:.6f}" for s, t in uv.tolist()]
    lines += ["f " + " ".join(f"{i + 1}/{i + 1}" for i in face) for face in faces.tolist()]
    text = "\n".join(lines) + "\n"
    digest = hashlib.sha256(text.encode() + texture.tobytes()).hexdigest()[:16]
    target = folder / digest
    if not (target / "mesh.obj").exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".box-", dir=folder))
        cv2.imwrite(str(made / "texture.png"), cv2.cvtColor(texture, cv2.COLOR_RGB2BGR))
        (made / "mesh.mtl").write_text("newmtl print\nmap_Kd texture.png\n")
        (made / "mesh.obj").write_text(text)
        made.chmod(0o755)  # a worker may run as another user
        try:
            made.rename(target)
        except OSError:  # another writer was first, with the same content
            if not (target / "mesh.obj").exists():
                raise
    return target / "mesh.obj"


def cache_folder() -> Path:
    """``POSESTREAM_CACHE``, else the user's cache folder of posestream."""
    named = os.environ.get("POSESTREAM_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "posestream"
