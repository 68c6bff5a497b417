"""Reading meshes from files: PLY, OBJ and GLB through trimesh, with a check of their unit."""

import logging
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np

from estimators.mesh.model import Mesh
from estimators.mesh.prepared import MOST_FACES, RawMesh, read_prepared, thinned, write_prepared
from schemas import BadJob, JobObject
from schemas.arrays import Array
from schemas.textures import limit_textures

_LOG = logging.getLogger("posestream.estimators")
_SUFFIXES = (".ply", ".obj", ".glb", ".gltf", ".stl", ".off")
_SMALLEST_M, _LARGEST_M = 0.005, 5.0


def load_object(item: JobObject) -> Mesh:
    """The mesh of a job's object, from memory where the unchanged file was read before.

    Raises:
        BadJob: The address is no file, cannot be read, or its size is implausible in metres; the object is named.
    """
    parts = urlsplit(item.model_uri)
    if parts.scheme == "file":
        path = Path(unquote(parts.path))
    elif parts.scheme and len(parts.scheme) > 1:  # one letter is a drive of Windows
        msg = f"object {item.object_id}: expected a path or a file: URI, got {item.model_uri}"
        raise BadJob(msg)
    else:
        path = Path(item.model_uri)
    try:
        return load_mesh(path, item.model_unit_m)
    except BadJob as error:
        msg = f"object {item.object_id}: {error}"
        raise BadJob(msg) from error


def load_mesh(path: Path, unit_m: float = 1.0) -> Mesh:
    """A mesh from a PLY, OBJ or GLB file, in metres.

    A missing texture is replaced by vertex colours or grey, with a warning in the log. Read once a
    process while the file's time and size stay the same.

    Args:
        path: The file.
        unit_m: Metres in one unit of the file.

    Raises:
        BadJob: Missing, unreadable, without faces, or of a diameter outside 5 mm to 5 m.
    """
    try:
        stat = path.stat()
    except OSError as error:
        msg = f"mesh {path}: expected a readable file, got {error.strerror}"
        raise BadJob(msg) from error
    if path.suffix.lower() not in _SUFFIXES:
        msg = f"mesh {path}: expected one of {', '.join(_SUFFIXES)}, got {path.suffix or 'no suffix'}"
        raise BadJob(msg)
    return read_unchanged(path.resolve(), stat.st_mtime_ns, stat.st_size, unit_m)


@lru_cache(maxsize=64)
def read_unchanged(path: Path, _mtime_ns: int, _size: int, unit_m: float) -> Mesh:
    """The mesh of a file of this time and size; see ``load_mesh``."""
    mesh = read_prepared(path, unit_m) or _made_ready(path, unit_m)
    _check_unit(path, mesh.diameter_m, unit_m)
    return mesh


def _made_ready(path: Path, unit_m: float) -> Mesh:
    """The mesh of a file, kept for the next start unless there is something to complain of again then."""
    raw = _load(path)
    try:
        mesh = Mesh.build(
            raw.vertices * unit_m, raw.faces, name=path.name, uv=raw.uv, texture=raw.texture, colors=raw.colors
        )
    except ValueError as error:
        msg = f"mesh {path}: {error}"
        raise BadJob(msg) from error
    if raw.texture is not None or not _texture_named(path):
        write_prepared(path, unit_m, mesh)
    return mesh


def _load(path: Path) -> RawMesh:
    """The mesh of a file, thinned where it has very many faces."""
    import trimesh  # a third of a second with all that it brings: only where a mesh is not kept

    limit_textures()
    try:
        loaded: Any = trimesh.load_mesh(path, process=False)
        vertices, faces = np.asarray(loaded.vertices, np.float64), np.asarray(loaded.faces, np.int64)
    except Exception as error:  # a foreign file and a foreign reader: any error means that it cannot be read
        msg = f"mesh {path}: expected a triangle mesh, got {type(error).__name__}: {error}"
        raise BadJob(msg) from error
    raw = RawMesh(vertices, faces, *_looks(loaded, path))
    return thinned(raw) if len(faces) > MOST_FACES and np.isfinite(vertices).all() else raw


def _check_unit(path: Path, diameter_m: float, unit_m: float) -> None:
    if _SMALLEST_M <= diameter_m <= _LARGEST_M:
        return
    advice = "check the mesh"
    if diameter_m > _LARGEST_M and diameter_m * 1e-3 >= _SMALLEST_M:
        advice = f"it looks like millimetres: set model_unit_m={unit_m * 1e-3:g}"
    elif diameter_m < _SMALLEST_M and diameter_m * 1e3 <= _LARGEST_M:
        advice = f"it looks like metres taken for millimetres: set model_unit_m={unit_m * 1e3:g}"
    msg = f"mesh {path}: expected a diameter of {_SMALLEST_M} to {_LARGEST_M} m, got {diameter_m:.4g} m; {advice}"
    raise BadJob(msg)


def _looks(raw: Any, path: Path) -> tuple[Array | None, Array | None, Array | None]:  # noqa: ANN401 - trimesh
    """uv, texture and vertex colours as far as the file has them."""
    visual = raw.visual
    if visual.kind == "vertex":
        return None, None, np.asarray(visual.vertex_colors)[:, :3].astype(np.uint8)
    if visual.kind == "face":
        return None, None, np.asarray(visual.to_texture().to_color().vertex_colors)[:, :3].astype(np.uint8)
    if visual.kind != "texture":
        return None, None, None
    material = visual.material
    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    if image is None or visual.uv is None:
        named = _texture_named(path)
        if named:
            _LOG.warning("mesh %s: texture %s is missing; drawn in its plain colour", path, named)
        color = np.asarray(material.main_color)[:3].astype(np.uint8)
        return None, None, np.tile(color, (len(raw.vertices), 1))
    return np.asarray(visual.uv, np.float32), np.asarray(image.convert("RGB")), None


def _texture_named(path: Path) -> str:
    """The texture that the materials beside an OBJ file name; "" where there is none."""
    for material in sorted(path.parent.glob("*.mtl")):
        for line in material.read_text(errors="replace").splitlines():
            if line.strip().lower().startswith("map_kd"):
                return line.split(maxsplit=1)[-1].strip()
    return ""
