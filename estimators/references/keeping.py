"""References made ready and kept in one folder: photos, ``poses.json``, ``object.json`` and a sheet to look at."""

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np

from estimators.references.hull import outline
from estimators.references.photos import Photo, ReferenceSet
from estimators.references.poses_file import NAME
from schemas.arrays import Array

SHEET = "contact_sheet.jpg"
_CELL_PX, _COLUMNS = 160, 8
_ABOUT = 1.3  # of the object's sphere


def objects_folder() -> Path:
    """Where ``posestream objects add`` keeps objects: in the user's data folder."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data).absolute() / "posestream" / "objects"


def keep(made: ReferenceSet, target: Path) -> Path:
    """Write references into a folder of their own, rectified and in metres; what was there is replaced.

    Returns:
        The contact sheet: each photo's part about the object, with the outline that its surface is thought to have.
    """
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "photos").mkdir(parents=True)
    (part / "masks").mkdir()
    rows = [_kept(photo, part, k) for k, photo in enumerate(made.photos)]
    (part / NAME).write_text(json.dumps({"photos": rows}, indent=1) + "\n")
    says = {"box": [made.low_m.tolist(), made.high_m.tolist()], "up": made.up.tolist()}
    (part / "object.json").write_text(json.dumps(says, indent=1) + "\n")
    cv2.imwrite(str(part / SHEET), cv2.cvtColor(contact_sheet(made), cv2.COLOR_RGB2BGR))
    if target.exists():
        shutil.rmtree(target)
    part.rename(target)
    return target / SHEET


def _kept(photo: Photo, folder: Path, number: int) -> dict[str, object]:
    name = f"{number:04d}{photo.path.suffix.lower()}"
    if any(photo.distortion):
        name = f"{number:04d}.png"
        cv2.imwrite(str(folder / "photos" / name), cv2.cvtColor(photo.picture(), cv2.COLOR_RGB2BGR))
    else:
        shutil.copyfile(photo.path, folder / "photos" / name)
    pose = photo.cam_from_obj.matrix()[:3].tolist()
    row: dict[str, object] = {"file": f"photos/{name}", "K": photo.K.tolist(), "cam_from_obj": pose}
    seen = photo.seen()
    if seen is not None:
        row["mask"] = f"masks/{number:04d}.png"
        cv2.imwrite(str(folder / "masks" / f"{number:04d}.png"), seen.astype(np.uint8) * 255)
    depth_m = photo.depth_m()
    if depth_m is not None:
        row |= {"depth": f"depth/{number:04d}.png", "depth_unit_m": photo.depth_unit_m}
        (folder / "depth").mkdir(exist_ok=True)
        raw = np.rint(depth_m / photo.depth_unit_m).astype(np.uint16)
        cv2.imwrite(str(folder / "depth" / f"{number:04d}.png"), raw)
    return row


def contact_sheet(made: ReferenceSet) -> Array:
    """(H, W, 3) uint8 of all photos about the object, eight a row."""
    cells = [_cell(photo, made) for photo in made.photos]
    cells += [np.zeros_like(cells[0])] * (-len(cells) % _COLUMNS)
    rows = [np.concatenate(cells[k : k + _COLUMNS], axis=1) for k in range(0, len(cells), _COLUMNS)]
    return np.concatenate(rows)


def _cell(photo: Photo, made: ReferenceSet) -> Array:
    pose, middle = photo.cam_from_obj.matrix()[:3], photo.cam_from_obj.apply(made.center_m)
    scale = _CELL_PX / (photo.K[0, 0] * made.diameter_m * _ABOUT / max(float(middle[2]), 1e-6))
    pixel = (photo.K @ middle)[:2] / middle[2]
    M = np.array([[scale, 0, _CELL_PX / 2 - scale * pixel[0]], [0, scale, _CELL_PX / 2 - scale * pixel[1]]])
    cell = cv2.warpAffine(photo.picture(), M, (_CELL_PX, _CELL_PX), flags=cv2.INTER_AREA)
    K = np.concatenate([M, [[0, 0, 1]]]) @ photo.K
    shown = outline(made.surface_m, pose, K, (_CELL_PX, _CELL_PX)).astype(np.uint8)
    edges, _ = cv2.findContours(shown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(cell, edges, -1, (0, 255, 0), 1)
    return cell
