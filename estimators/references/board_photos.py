"""Bare photos of an object that stands on the printed board, as references."""

from pathlib import Path

import numpy as np

from estimators.references.bop import is_bop
from estimators.references.checks import check_size, check_view, usable_photos
from estimators.references.colmap import model_in
from estimators.references.hull import box_surface
from estimators.references.photos import ReferenceSet
from estimators.references.poses_file import NAME
from estimators.references.solve import solved
from estimators.references.target import Target
from schemas import BadJob
from schemas.arrays import Array

_PICTURES = (".jpg", ".jpeg", ".png")


def is_bare(folder: Path) -> bool:
    """Whether a folder has pictures and nothing that says where they are from."""
    known = is_bop(folder) or (folder / NAME).is_file() or model_in(folder) is not None
    return not known and bool(_pictures(folder))


def with_board(folder: Path, target: Target, size_m: Array, K: Array | None = None) -> ReferenceSet:
    """An object that stands in the middle of the board; its frame is the board's, z upwards.

    Args:
        folder: With the photos.
        target: The board.
        size_m: (3,) of the object along the board's width, its height, and upwards.
        K: (3, 3) of the camera; None to calibrate it.

    Raises:
        BadJob: The board is not in enough of them, or they will not do.
    """
    name = f"references {folder}"
    try:
        posed, left_out = solved(_pictures(folder), target, K)
    except BadJob as error:
        msg = f"{name}: {error}"
        raise BadJob(msg) from error
    photos, left_out = usable_photos(name, posed, left_out)
    half = size_m / 2
    low, high = np.array([-half[0], -half[1], 0.0]), np.array([half[0], half[1], size_m[2]])
    up = np.array([0, 0, 1.0])
    made = ReferenceSet(name, photos, low, high, up, box_surface(low, high), left_out, "what was given")
    check_size(name, made.diameter_m, 1.0)
    check_view(made)
    return made


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in _PICTURES)
