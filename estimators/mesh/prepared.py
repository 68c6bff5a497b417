"""Meshes of very many faces: thinned out once, and kept on disk under the hash of their content."""

import hashlib
import logging
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fast_simplification
import numpy as np

from schemas.arrays import Array

_LOG = logging.getLogger("posestream.estimators")
MOST_FACES = 30_000
"""More make drawing slow and show nothing more: 4,000 faces already keep the outline to 0.4 %."""
_VERSION = b"1"
_ALWAYS_READ_BYTES = 512 * 1024  # no mesh of so many faces fits in less
_MATERIALS = (".mtl",)
_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
_SELF_CONTAINED = (".ply", ".stl", ".off", ".glb", ".obj")


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


def read_prepared(path: Path) -> RawMesh | None:
    """What ``write_prepared`` kept of a file with this very content; None where there is nothing readable."""
    place = _place(path)
    if place is None or not place.exists():
        return None
    try:
        with np.load(place, allow_pickle=False) as kept:
            parts = {name: kept.get(name) for name in RawMesh.__dataclass_fields__}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        _LOG.warning("prepared mesh %s cannot be read, the file itself is: %s", place, error)
        return None
    if parts["vertices"] is None or parts["faces"] is None:
        return None
    return RawMesh(parts["vertices"], parts["faces"], parts["uv"], parts["texture"], parts["colors"])


def write_prepared(path: Path, mesh: RawMesh) -> None:
    """Keep a thinned mesh for the next start; a cache that cannot be written costs only time."""
    place = _place(path)
    if place is None:
        return
    parts = {name: getattr(mesh, name) for name in RawMesh.__dataclass_fields__}
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **{name: part for name, part in parts.items() if part is not None})
        Path(name).replace(place)
    except OSError as error:
        _LOG.warning("prepared mesh %s cannot be kept: %s", place, error)


def _place(path: Path) -> Path | None:
    """Where a file's prepared mesh is kept; None for files that are small or spread over others unknown."""
    if path.suffix.lower() not in _SELF_CONTAINED or path.stat().st_size < _ALWAYS_READ_BYTES:
        return None
    digest = hashlib.sha256(_VERSION)
    beside = sorted(path.parent.iterdir()) if path.suffix.lower() == ".obj" else []
    for part in [path, *(one for one in beside if one.suffix.lower() in _MATERIALS + _IMAGES)]:
        digest.update(part.name.encode())
        with part.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return cache_folder() / "meshes" / f"{digest.hexdigest()}.npz"


def cache_folder() -> Path:
    """$POSESTREAM_CACHE, else the user's cache folder."""
    if chosen := os.environ.get("POSESTREAM_CACHE"):
        return Path(chosen).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "posestream"
