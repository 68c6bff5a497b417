"""Photos with one plain file of poses beside them, ``poses.json``; what the board's solver writes, too."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from estimators.references.photos import Photo, number_list
from schemas import BadJob, Pose
from schemas.arrays import Array

NAME = "poses.json"
_PICTURES = (".jpg", ".jpeg", ".png")
_ORTHONORMAL = 1e-3


def read_poses_file(folder: Path, unit_m: float) -> list[Photo]:
    """The photos that ``poses.json`` lists.

    Its form: ``{"photos": [{"file": "a.jpg", "K": [9 numbers], "cam_from_obj": [12 or 16 numbers], "mask": "a.png",
    "distortion": [k1, k2, p1, p2], "depth": "a_depth.png", "depth_unit_m": 0.001}, ...]}``; mask, distortion and depth
    (16 bit) may be left out, K may stand once beside ``photos``.

    Args:
        folder: With the file and the pictures that it names.
        unit_m: Metres in one unit of its translations.

    Raises:
        BadJob: Unreadable, a pose that is none, pictures that are missing, or pictures without a pose.
    """
    path = folder / NAME
    content = read_json(path)
    rows = content.get("photos")
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "file" in row for row in rows):
        msg = f'{path}: expected {{"photos": [{{"file": ..., "K": ..., "cam_from_obj": ...}}, ...]}}'
        raise BadJob(msg)
    photos = [_photo(folder, row, content, unit_m) for row in rows]
    _check_complete(path, photos)
    return photos


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        BadJob: Unreadable, or something else in it.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        msg = f"{path}: expected a readable JSON file, got {type(error).__name__}: {error}"
        raise BadJob(msg) from error
    if not isinstance(content, dict):
        msg = f"{path}: expected an object, got {type(content).__name__}"
        raise BadJob(msg)
    return content


def box_in(content: dict[str, Any], where: str, unit_m: float) -> tuple[Array, Array] | None:
    """The object's box (low, high) in metres, where ``"box": [[x, y, z], [x, y, z]]`` says it."""
    if "box" not in content:
        return None
    low, high = number_list(content["box"], 6, f"{where}: box, two corners").reshape(2, 3) * unit_m
    if not (high > low).all():
        msg = f"{where}: expected a box from its low to its high corner, got {content['box']}"
        raise BadJob(msg)
    return low, high


def _photo(folder: Path, row: dict[str, Any], content: dict[str, Any], unit_m: float) -> Photo:
    where = f"{folder / NAME}: {row['file']}"
    K = number_list(row.get("K", content.get("K")), 9, f"{where}: K").reshape(3, 3)
    given = np.array(row.get("cam_from_obj", ()), dtype=object).size
    matrix = number_list(row.get("cam_from_obj"), 16 if given == 16 else 12, f"{where}: cam_from_obj").reshape(-1, 4)
    u, _, vt = np.linalg.svd(matrix[:3, :3])
    error = float(np.abs(u @ vt - matrix[:3, :3]).max())
    if error > _ORTHONORMAL or np.linalg.det(matrix[:3, :3]) < 0:
        msg = f"{where}: expected a rotation in cam_from_obj, got one that is off by {error:.2g}"
        raise BadJob(msg)
    bent = number_list(row.get("distortion", (0, 0, 0, 0)), 4, f"{where}: distortion")
    mask = folder / str(row["mask"]) if row.get("mask") else None
    pose = Pose(u @ vt, matrix[:3, 3] * unit_m)
    depth = folder / str(row["depth"]) if row.get("depth") else None
    step_m = float(number_list(row.get("depth_unit_m", 1e-3), 1, f"{where}: depth_unit_m")[0])
    return Photo(folder / str(row["file"]), K, pose, mask, (bent[0], bent[1], bent[2], bent[3]), depth, step_m)


def _check_complete(path: Path, photos: list[Photo]) -> None:
    named = {photo.path.resolve() for photo in photos}
    masks = {beside.resolve() for photo in photos for beside in (photo.mask, photo.depth) if beside}
    there = {
        file.resolve()
        for folder in {photo.path.parent for photo in photos}
        for file in folder.glob("*")
        if file.suffix.lower() in _PICTURES
    }
    for files, what in ((named - there, "missing"), (there - named - masks, "without a pose")):
        if files:
            some = ", ".join(sorted(file.name for file in files)[:5])
            msg = f"{path}: expected a picture for each pose and a pose for each picture; {what}: {some}"
            raise BadJob(msg)
