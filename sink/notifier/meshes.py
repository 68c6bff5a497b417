"""Serves the meshes of known jobs to the page, small enough to be drawn anywhere."""

import hashlib
import struct
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import trimesh

from schemas import BadJob
from schemas.arrays import Array
from schemas.textures import limit_textures
from sink.queries import ObjectView

MAX_FACES = 20_000
_MAX_FILE_BYTES = 512 * 1024 * 1024
_SUFFIXES = (".ply", ".obj", ".glb", ".stl", ".off")
_KEPT = 16
_HEADER = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class EncodedMesh:
    """A mesh as the page reads it.

    Attributes:
        data: uint32 vertices, uint32 faces, then float32 positions (x, y, z in metres, the object's
            frame), then uint32 vertex indices (three a face); all little-endian.
        etag: Changes with the data.
    """

    data: bytes
    etag: str


class Meshes:
    """Loads, simplifies and keeps the meshes asked for last; may be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Path, int, int, float], EncodedMesh] = OrderedDict()

    def encoded(self, item: ObjectView) -> EncodedMesh:
        """The mesh of an object; slow the first time, and again when its file has changed.

        Raises:
            BadJob: The file is missing, of an unknown kind, too large, or holds no mesh.
        """
        path = _model_path(item.model_uri)
        try:
            stat = path.stat()
        except OSError as error:
            msg = f"object {item.object_id}: expected a model at {path.name}, got: {error.strerror}"
            raise BadJob(msg) from error
        key = (path, stat.st_mtime_ns, stat.st_size, item.model_unit_m)
        with self._lock:  # held while loading: two viewers of one object load it once
            if key not in self._kept:
                self._kept[key] = _load(item, path, stat.st_size)
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return self._kept[key]


def encode(vertices_m: Array, faces: Array) -> EncodedMesh:
    """A mesh in the layout of ``EncodedMesh``.

    Args:
        vertices_m: (V, 3) in metres.
        faces: (F, 3) indices of vertices.
    """
    data = _HEADER.pack(len(vertices_m), len(faces))
    data += vertices_m.astype("<f4").tobytes() + faces.astype("<u4").tobytes()
    return EncodedMesh(data, hashlib.sha256(data).hexdigest()[:32])


def simplify(vertices_m: Array, faces: Array, max_faces: int = MAX_FACES) -> tuple[Array, Array]:
    """At most ``max_faces`` faces, by merging the vertices of each cell of a grid into their mean.

    Vertex clustering (Rossignac and Borrel 1993): the outline moves by less than a cell. The cell grows
    until few enough faces are left.

    Args:
        vertices_m: (V, 3) in metres.
        faces: (F, 3) indices of vertices.
        max_faces: At least 12, which a box needs.

    Returns:
        Vertices and faces, in the given units.
    """
    extent_m = float(np.ptp(vertices_m, axis=0).max())
    cells = 2 * int(np.sqrt(max_faces))  # faces of a surface grow with the square of the cells along it
    while len(faces) > max_faces:
        vertices_m, faces = _clustered(vertices_m, faces, extent_m / cells)
        cells = max(1, cells * 3 // 4)
    return vertices_m, faces


def _clustered(vertices_m: Array, faces: Array, cell_m: float) -> tuple[Array, Array]:
    cells = np.floor((vertices_m - vertices_m.min(axis=0)) / cell_m).astype(np.int64)
    _, cluster, sizes = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    cluster = cluster.ravel()
    sums = [np.bincount(cluster, weights=vertices_m[:, axis], minlength=len(sizes)) for axis in range(3)]
    merged = cluster[faces]
    whole = (merged[:, 0] != merged[:, 1]) & (merged[:, 1] != merged[:, 2]) & (merged[:, 2] != merged[:, 0])
    _, first = np.unique(np.sort(merged[whole], axis=1), axis=0, return_index=True)
    return np.stack(sums, axis=1) / sizes[:, None], merged[whole][np.sort(first)]


def _model_path(uri: str) -> Path:
    parts = urlsplit(uri)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if parts.scheme and len(parts.scheme) > 1:  # one letter is a drive of Windows
        msg = f"model: expected a path or a file: URI, got {parts.scheme}:"
        raise BadJob(msg)
    return Path(uri)


def _load(item: ObjectView, path: Path, size: int) -> EncodedMesh:
    name = f"object {item.object_id}: {path.name}"
    if path.suffix.lower() not in _SUFFIXES or size > _MAX_FILE_BYTES:
        msg = f"{name}: expected one of {', '.join(_SUFFIXES)} of at most 512 MiB, got {size} bytes"
        raise BadJob(msg)
    limit_textures()
    try:
        mesh: Any = trimesh.load(path, force="mesh", process=False)
        vertices_m = np.asarray(mesh.vertices, np.float64) * item.model_unit_m
        faces = np.asarray(mesh.faces, np.int64)
    except Exception as error:  # trimesh raises whatever its many readers stumble over
        msg = f"{name}: expected a mesh, got: {error}"
        raise BadJob(msg) from error
    if not len(faces) or not np.isfinite(vertices_m).all():
        msg = f"{name}: expected faces and finite vertices, got {len(faces)} faces"
        raise BadJob(msg)
    return encode(*simplify(vertices_m, faces))
