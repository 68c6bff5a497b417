"""Meshes made ready once, those of very many faces thinned out, and kept on disk under the hash of their content."""

import hashlib
import logging
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from estimators.mesh.model import Mesh
from schemas.arrays import Array

_LOG = logging.getLogger("posestream.estimators")
MOST_FACES = 30_000
"""More make drawing slow and show nothing more: 4,000 faces already keep the outline to 0.4 %."""
_VERSION = b"2"  # of all that Mesh.build works out
_ALWAYS_READ_BYTES = 64 * 1024  # smaller files are made ready in a few milliseconds
_MOST_BESIDE = 64  # more pictures than that in its folder are not the mesh's own, and take long to read
_MATERIALS = (".mtl",)
_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
_WITH_FILES_BESIDE = (".obj", ".ply")
_SELF_CONTAINED = (*_WITH_FILES_BESIDE, ".stl", ".off", ".glb")
_KEPT = ("vertices_m", "faces", "normals", "diameter_m", "closed", "uv", "texture", "colors")


@dataclass(frozen=True, slots=True, eq=False)
class RawMesh:
    """What a file says, in the file's unit.

    Attributes:
        vertices: (V, 3) float64.
        faces: (F, 3) int64.
        uv: (V, 2) float32 texture coordinates, or None.
        texture: (Ht, Wt, 3) uint8, or None.
        colors: (V, 3) uint8, or None.
    """

    vertices: Array
    faces: Array
    uv: Array | None
    texture: Array | None
    colors: Array | None


def thinned(raw: RawMesh) -> RawMesh:
    """A mesh of at most about ``MOST_FACES`` faces by quadric edge collapse (Garland and Heckbert 1997).

    A vertex that is left takes coordinates and colour of the nearest of those that went into it.
    """
    if len(raw.faces) <= MOST_FACES:
        return raw
    import fast_simplification

    points, corners = raw.vertices.astype(np.float64), raw.faces.astype(np.int32)
    simplified: Any = fast_simplification.simplify(points, corners, target_count=MOST_FACES, return_collapses=True)
    collapses = simplified[2]
    replayed, faces, home = fast_simplification.replay_simplification(points, corners, collapses)
    gap = np.linalg.norm(points - replayed[home], axis=1)
    order = np.argsort(-gap, kind="stable")  # the nearest is written last, and stays
    source = np.zeros(len(replayed), np.int64)
    source[home[order]] = order
    _LOG.info("mesh of %d faces thinned to %d", len(raw.faces), len(faces))
    return RawMesh(
        replayed.astype(np.float64),
        faces.astype(np.int64),
        None if raw.uv is None else raw.uv[source],
        raw.texture,
        None if raw.colors is None else raw.colors[source],
    )


def read_prepared(path: Path, unit_m: float) -> Mesh | None:
    """What ``write_prepared`` kept of a file with this very content; None where there is nothing readable."""
    place = _place(path, unit_m)
    if place is None or not place.exists():
        return None
    try:
        with np.load(place, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        diameter_m, closed = float(arrays.pop("diameter_m")), bool(arrays.pop("closed"))
        return Mesh(path.name, diameter_m=diameter_m, closed=closed, **arrays)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile, EOFError) as error:
        _LOG.warning("prepared mesh %s cannot be read, the file itself is: %s", place, error)
        return None


def write_prepared(path: Path, unit_m: float, mesh: Mesh) -> None:
    """Keep a mesh for the next start; a cache that cannot be written costs only time."""
    place = _place(path, unit_m)
    if place is None:
        return
    parts = {name: getattr(mesh, name) for name in _KEPT}
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **{name: part for name, part in parts.items() if part is not None})
        Path(name).replace(place)
    except OSError as error:
        _LOG.warning("prepared mesh %s cannot be kept: %s", place, error)


def _place(path: Path, unit_m: float) -> Path | None:
    """Where a file's prepared mesh is kept; None for files that are small or spread over others unknown."""
    if path.suffix.lower() not in _SELF_CONTAINED or path.stat().st_size < _ALWAYS_READ_BYTES:
        return None
    beside = sorted(one for one in path.parent.iterdir() if one.suffix.lower() in _MATERIALS + _IMAGES)
    if path.suffix.lower() not in _WITH_FILES_BESIDE:
        beside = []
    if len(beside) > _MOST_BESIDE:
        return None
    digest = hashlib.sha256(_VERSION + repr(float(unit_m)).encode())
    for part in [path, *beside]:
        digest.update(part.name.encode())
        with part.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return cache_folder() / "meshes" / f"{digest.hexdigest()}.npz"


def cache_folder() -> Path:
    """$POSESTREAM_CACHE, else the user's cache folder."""
    if chosen := os.environ.get("POSESTREAM_CACHE"):
        return Path(chosen).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "posestream"
