"""Small scenes for the geometric estimator: boxes with a different picture on every face before a patterned wall."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

from estimators.mesh import Mesh
from estimators.rendering import CpuRenderer
from schemas import Camera, Frame, Pose

CAMERA = Camera(320, 240, 300.0, 300.0, 160.0, 120.0)


def write_box(path: Path, size_m: tuple[float, float, float], seed: int, *, plain: bool = False) -> Path:
    """A box whose six faces carry six parts of one random picture."""
    rng = np.random.default_rng(seed)
    small = rng.integers(20, 235, (16, 24, 3), dtype=np.uint8)
    small = np.full_like(small, 150) if plain else small
    Image.fromarray(small).resize((384, 256), Image.Resampling.NEAREST).save(path.with_suffix(".png"))
    path.with_suffix(".mtl").write_text(f"newmtl m\nmap_Kd {path.with_suffix('.png').name}\n")
    lines, half = [f"mtllib {path.with_suffix('.mtl').name}", "usemtl m"], np.array(size_m) / 2
    for face in range(6):
        axis, sign = face // 2, 1 - 2 * (face % 2)
        a, b = (axis + 1) % 3, (axis + 2) % 3
        for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
            corner = np.zeros(3)
            corner[axis], corner[a], corner[b] = sign, s * sign, t
            lines.append("v " + " ".join(f"{x:.6f}" for x in corner * half))
            u, v = (face % 3 + (s + 1) / 2) / 3, (face // 3 + (t + 1) / 2) / 2
            lines.append(f"vt {u:.4f} {v:.4f}")
        k = 4 * face + 1
        lines += [f"f {k}/{k} {k + 1}/{k + 1} {k + 2}/{k + 2}", f"f {k}/{k} {k + 2}/{k + 2} {k + 3}/{k + 3}"]
    path.write_text("\n".join(lines) + "\n")
    return path


def pose(angles_deg: tuple[float, float, float], x_m: float = 0.0, y_m: float = 0.0, z_m: float = 0.6) -> Pose:
    turn = trimesh.transformations.euler_matrix(*np.radians(angles_deg))
    return Pose(turn[:3, :3], np.array([x_m, y_m, z_m]))


def plate(size_m: float, seed: int, cells: int = 40) -> Mesh:
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * size_m / 2
    small = np.random.default_rng(seed).integers(60, 200, (cells, cells, 3), dtype=np.uint8)
    texture = np.repeat(np.repeat(small, 8, axis=0), 8, axis=1)
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]])
    return Mesh.build(corners, np.array([[0, 2, 1], [0, 3, 2]]), uv=uv, texture=texture)


@dataclass(frozen=True, eq=False)
class Studio:
    """Draws frames of objects before a patterned wall at 1 m, with noise in depth and half of the light."""

    meshes: dict[str, Mesh]

    def frame(
        self, seq: int, poses: dict[str, Pose], *, hand: Pose | None = None, masks: bool = False, fps: float = 30.0
    ) -> Frame:
        meshes, places = [plate(2.0, 7)], [pose((0, 0, 0), z_m=1.0).matrix()]
        if hand is not None:
            meshes.append(plate(0.12, 9, 4))
            places.append(hand.matrix())
        first = len(meshes)
        for name, at in poses.items():
            meshes.append(self.meshes[name])
            places.append(at.matrix())
        scene = CpuRenderer().scene(meshes, places, CAMERA.K, (CAMERA.height, CAMERA.width))
        rng = np.random.default_rng(seq)
        depth_m = scene.depth_m + rng.normal(0, 0.001, scene.depth_m.shape).astype(np.float32) * (scene.depth_m > 0)
        light = 0.55 + 0.25 * np.abs(scene.normal[..., 2:])
        rgb = np.clip(scene.rgb * light + rng.normal(0, 2, scene.rgb.shape), 0, 255).astype(np.uint8)
        seen = {name: scene.index == first + k for k, name in enumerate(poses)} if masks else None
        return Frame("job", "run", seq, 1_000_000_000 + int(seq * 1e9 / fps), CAMERA, rgb, depth_m, seen)
