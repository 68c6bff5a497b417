"""Photos in BOP layout: ``rgb``, ``scene_camera.json``, ``scene_gt.json``, ``mask_visib``, ``models_info.json``."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from estimators.references.photos import Photo, number_list
from schemas import BadJob, Pose
from schemas.arrays import Array

_MM = 1e-3
_PICTURES = (".jpg", ".jpeg", ".png")


def is_bop(folder: Path) -> bool:
    """Whether a folder is in this layout."""
    return (folder / "scene_gt.json").is_file() and (folder / "scene_camera.json").is_file()


def bop_photos(folder: Path, number: int | None, unit_m: float) -> tuple[list[Photo], dict[str, str]]:
    """The photos of one object, and those that do not show it with the reason.

    Args:
        folder: In BOP layout.
        number: The object's; None where there is only one.
        unit_m: What the millimetres of this layout are multiplied by, 1 where they are some.

    Raises:
        BadJob: Unreadable, no such object, a picture without camera or poses, or the other way round.
    """
    cameras, rows = (_by_number(folder / name) for name in ("scene_camera.json", "scene_gt.json"))
    pictures = {
        int(path.stem): path
        for path in sorted((folder / "rgb").glob("*"))
        if path.suffix.lower() in _PICTURES and path.stem.isdecimal()
    }
    _check_same(folder, "scene_gt.json", set(pictures), set(rows))
    _check_same(folder, "scene_camera.json", set(pictures), set(cameras))
    wanted = _object_in(folder, rows, number)
    photos, left_out = list[Photo](), dict[str, str]()
    for image, path in pictures.items():
        index = next((k for k, row in enumerate(rows[image]) if row["obj_id"] == wanted), None)
        if index is None:
            left_out[path.name] = f"does not show object {wanted}"
            continue
        where = f"{folder}: picture {image}"
        K = number_list(cameras[image].get("cam_K"), 9, f"{where}: cam_K").reshape(3, 3)
        mask = folder / "mask_visib" / f"{image:06d}_{index:06d}.png"
        depth = folder / "depth" / f"{image:06d}.png"
        scale = number_list(cameras[image].get("depth_scale", 1.0), 1, f"{where}: depth_scale")[0]
        photos.append(
            Photo(
                path,
                K,
                _pose(rows[image][index], where, _MM * unit_m),
                mask if mask.is_file() else None,
                depth=depth if depth.is_file() else None,
                depth_unit_m=float(scale) * _MM,
            )
        )
    return photos, left_out


def bop_box(folder: Path, number: int | None, unit_m: float) -> tuple[Array, Array] | None:
    """The object's box (low, high) in metres by ``models/models_info.json``; None where that does not say."""
    path = folder / "models" / "models_info.json"
    if not path.is_file():
        return None
    infos = _by_number(path)
    info = infos.get(next(iter(infos)) if number is None and len(infos) == 1 else -1 if number is None else number)
    if not isinstance(info, dict) or "min_x" not in info:
        return None
    low = number_list([info.get(f"min_{axis}") for axis in "xyz"], 3, f"{path}: min_x, min_y, min_z")
    size = number_list([info.get(f"size_{axis}") for axis in "xyz"], 3, f"{path}: size_x, size_y, size_z")
    return low * _MM * unit_m, (low + size) * _MM * unit_m


def _pose(row: dict[str, Any], where: str, step_m: float) -> Pose:
    rotation = number_list(row.get("cam_R_m2c"), 9, f"{where}: cam_R_m2c").reshape(3, 3)
    u, _, vt = np.linalg.svd(rotation)  # the files round to a few digits
    return Pose(u @ vt, number_list(row.get("cam_t_m2c"), 3, f"{where}: cam_t_m2c") * step_m)


def _object_in(folder: Path, rows: dict[int, Any], number: int | None) -> int:
    there = sorted({int(row["obj_id"]) for listed in rows.values() for row in listed})
    if number is None and len(there) == 1:
        return there[0]
    if number not in there:
        advice = f"name one: {folder}?object={there[0]}" if number is None and there else f"got {number}"
        msg = f"{folder}: expected one of the objects {', '.join(map(str, there)) or '(none)'}; {advice}"
        raise BadJob(msg)
    return number


def _check_same(folder: Path, name: str, pictures: set[int], told: set[int]) -> None:
    for missing, what in ((pictures - told, f"in {name}"), (told - pictures, "as a picture in rgb/")):
        if missing:
            some = ", ".join(map(str, sorted(missing)[:5]))
            msg = (
                f"{folder}: expected as many pictures as entries of {name}, got {len(pictures)} and {len(told)}; "
                f"not there {what}: {some}"
            )
            raise BadJob(msg)


def _by_number(path: Path) -> dict[int, Any]:
    try:
        return {int(key): value for key, value in json.loads(path.read_text()).items()}
    except (OSError, ValueError, AttributeError) as error:
        msg = f"{path}: expected a JSON object with numbers as keys, got {type(error).__name__}: {error}"
        raise BadJob(msg) from error
