"""Models of a BOP recording's objects: meshes, units and symmetries."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from producers.sources.base import SourceError
from producers.sources.files import read_json
from schemas import ContinuousSymmetry, JobObject, Symmetries

_MM = 1e-3
_MODEL = re.compile(r"obj_(\d{6})(_.*|\.ply)?")


def object_name(number: int) -> str:
    """The object_id of a BOP object number."""
    return f"obj_{number:06d}"


def models_in(folder: Path) -> list[int]:
    """Numbers of the objects that a recording has a mesh of."""
    entries = [*folder.glob("mesh/obj_*"), *folder.glob("models/obj_*.ply")]
    return sorted({int(found[1]) for entry in entries if (found := _MODEL.fullmatch(entry.name))})


def model_of(folder: Path, number: int) -> JobObject:
    """An object with its mesh: the textured one in metres where there is one, else the PLY in millimetres.

    Raises:
        SourceError: No mesh, or symmetries that cannot be read.
    """
    in_metres = sorted(folder.glob(f"mesh/obj_{number:06d}*/mesh.obj"))
    in_mm = folder / "models" / f"obj_{number:06d}.ply"
    if not in_metres and not in_mm.exists():
        msg = f"{folder}: expected mesh/obj_{number:06d}_NAME/mesh.obj or models/{in_mm.name}, found neither"
        raise SourceError(msg)
    path, unit_m = (in_metres[0], 1.0) if in_metres else (in_mm, _MM)
    return JobObject(object_name(number), str(path.resolve()), unit_m, _symmetries(folder, number))


def symmetries_from(info: Mapping[str, Any]) -> Symmetries:
    """Symmetries of one object in BOP's models_info.json (millimetres) in metres."""
    discrete: list[Any] = []
    for row in info.get("symmetries_discrete", []):
        matrix = np.array(row, float).reshape(4, 4)
        matrix[:3, 3] *= _MM
        discrete.append(matrix)
    axes = [
        ContinuousSymmetry(np.array(row["axis"], float), np.array(row["offset"], float) * _MM)
        for row in info.get("symmetries_continuous", [])
    ]
    return Symmetries(tuple(discrete), tuple(axes))


def _symmetries(folder: Path, number: int) -> Symmetries:
    path = folder / "models" / "models_info.json"
    if not path.exists():
        return Symmetries()
    try:
        return symmetries_from(read_json(path).get(str(number), {}))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        msg = f"{path}, object {number}: expected symmetries as BOP writes them: {error!r}"
        raise SourceError(msg) from error
