"""Where photos were taken from by the board in them, and by what camera."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from estimators.references.photos import Photo
from estimators.references.target import LEAST_POINTS, Target
from schemas import BadJob, Pose
from schemas.arrays import Array

_LARGEST_RMS_PX = 2.0
_LEAST_PHOTOS = 5
_Seen = dict[Path, tuple[Array, Array]]


def solved(paths: list[Path], target: Target, K: Array | None = None) -> tuple[list[Photo], dict[str, str]]:
    """Photos with their poses in the board's frame, and why some have none.

    Args:
        paths: Pictures of one camera at one zoom.
        target: The board in them.
        K: (3, 3) of the camera, pixels; None to calibrate it from the photos, with its distortion (Zhang 2000).

    Raises:
        BadJob: Pictures that cannot be read or differ in size, the board in too few, or a print that does not fit.
    """
    pictures = {path: _grey(path) for path in paths}
    sizes = {path: picture.shape for path, picture in pictures.items()}
    for path, size in sizes.items():
        if size != sizes[paths[0]]:
            (height, width), (rows, columns) = sizes[paths[0]], size
            msg = f"photo {path}: expected {width} x {height} px as the others, got {columns} x {rows}"
            raise BadJob(msg)
    found = {path: target.seen(picture) for path, picture in pictures.items()}
    seen = {path: pair for path, pair in found.items() if len(pair[0]) >= LEAST_POINTS}
    left_out = {path.name: "the board is not seen, or hardly" for path in paths if path not in seen}
    if len(seen) < _LEAST_PHOTOS:
        told = "".join(f"; {name}: {why}" for name, why in list(left_out.items())[:5])
        msg = f"board: expected it in {_LEAST_PHOTOS} photos or more, got it in {len(seen)} of {len(paths)}{told}"
        raise BadJob(msg)
    return _posed(seen, sizes[paths[0]], K), left_out


def _grey(path: Path) -> Array:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        msg = f"photo {path}: expected a readable picture"
        raise BadJob(msg)
    return picture


def _posed(seen: _Seen, size: tuple[int, ...], given: Array | None) -> list[Photo]:
    points, pixels = [one for one, _ in seen.values()], [other for _, other in seen.values()]
    rms, K, bent, turns, places = _calibrated(points, pixels, size) if given is None else _placed(points, pixels, given)
    if rms > _LARGEST_RMS_PX:
        msg = (
            f"board: expected its tags where the print has them, got them {rms:.1f} px off; is it flat, of this paper, "
            "and all photos of one camera at one zoom?"
        )
        raise BadJob(msg)
    distortion = (float(bent[0]), float(bent[1]), float(bent[2]), float(bent[3]))
    return [
        Photo(path, np.asarray(K, np.float64), Pose(cv2.Rodrigues(turn)[0], np.ravel(place)), None, distortion)
        for path, turn, place in zip(seen, turns, places, strict=True)
    ]


def _calibrated(
    points: list[Array], pixels: list[Array], size: tuple[int, ...]
) -> tuple[float, Array, Array, Any, Any]:
    """How far off, K, distortion (4,), turns and places; square pixels, since photos of one tilt say little of them."""
    calibrate: Any = cv2.calibrateCamera  # its stub does not know all that it takes
    height, width = size
    guess = np.array([[width, 0, (width - 1) / 2], [0, width, (height - 1) / 2], [0, 0, 1.0]])
    fixed = cv2.CALIB_USE_INTRINSIC_GUESS | cv2.CALIB_FIX_ASPECT_RATIO | cv2.CALIB_ZERO_TANGENT_DIST
    fixed |= cv2.CALIB_FIX_K2 | cv2.CALIB_FIX_K3 | cv2.CALIB_FIX_PRINCIPAL_POINT
    rms, K, bent, turns, places = calibrate(points, pixels, (width, height), guess, None, flags=fixed)
    return float(rms), K, np.ravel(bent)[:4], turns, places


def _placed(points: list[Array], pixels: list[Array], K: Array) -> tuple[float, Array, Array, Any, Any]:
    """The same with a camera that is known, without distortion."""
    straight = np.zeros(4)
    solutions = [cv2.solvePnP(one, other, K, straight) for one, other in zip(points, pixels, strict=True)]
    turns, places = [turn for _, turn, _ in solutions], [place for _, _, place in solutions]
    every = zip(points, turns, places, strict=True)
    shown = [cv2.projectPoints(one, turn, place, K, straight)[0][:, 0] for one, turn, place in every]
    off = np.concatenate([one - other for one, other in zip(shown, pixels, strict=True)])
    return float(np.sqrt((off**2).sum(axis=1).mean())), K, straight, turns, places
