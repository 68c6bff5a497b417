"""Whether photos will do: enough, sharp, lit, from all sides, of a plausible size."""

from dataclasses import dataclass

import cv2
import numpy as np

from estimators.references.photos import Photo, ReferenceSet
from schemas import BadJob
from schemas.arrays import Array

LEAST_PHOTOS = 8
"""The refiner compares with six, and one is left out where photos are few."""
_SMALLEST_M, _LARGEST_M = 0.005, 5.0
_BLACK_LEVEL = 30  # that only one pixel in a hundred is brighter than
_FLAT = 3  # deviation of grey levels
_BLURRED = 0.2  # of the sharpness that half of the photos have
_ONE_SIDE_DEG = 60.0
_FAR_DEG = 30.0
_DIRECTIONS = 600


@dataclass(frozen=True, slots=True)
class Coverage:
    """From how many sides an object is known.

    Attributes:
        share: Of all directions, those with a photo within 30 degrees.
        widest_deg: The largest angle between two photos.
        missing: Sides of the object's box that no photo within 30 degrees looks at: +x, -x, +y, -y, +z, -z.
    """

    share: float
    widest_deg: float
    missing: tuple[str, ...]


def usable_photos(name: str, photos: list[Photo], left_out: dict[str, str]) -> tuple[tuple[Photo, ...], dict[str, str]]:
    """Photos without those that are black or blurred, and why each was left out.

    Raises:
        BadJob: Too few are left.
    """
    sharpness = {photo.path.name: _sharpness(photo.picture()) for photo in photos}
    usual = float(np.median([value for value in sharpness.values() if value > 0] or [0.0]))
    out = dict(left_out)
    for file, value in sharpness.items():
        if value == 0:
            out[file] = "black, or one colour all over"
        elif value < _BLURRED * usual:
            out[file] = f"blurred: {value / usual:.0%} of the usual sharpness"
    kept = tuple(photo for photo in photos if photo.path.name not in out)
    if len(kept) < LEAST_PHOTOS:
        told = "".join(f"; {file}: {why}" for file, why in list(out.items())[:5])
        msg = (
            f"{name}: expected {LEAST_PHOTOS} usable photos or more, from all sides, got {len(kept)}; "
            f"take more (30 to 60 do well){told}"
        )
        raise BadJob(msg)
    return kept, out


def _sharpness(picture: Array) -> float:
    """Mean square of second differences at a fixed size; 0 of a picture that shows nothing."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    if np.percentile(grey, 99) < _BLACK_LEVEL or grey.std() < _FLAT:
        return 0.0
    return float(cv2.Laplacian(grey, cv2.CV_32F).var()) / float(grey.std()) ** 2


def check_size(name: str, diameter_m: float, unit_m: float) -> None:
    """Let only plausible sizes pass.

    Raises:
        BadJob: Smaller than 5 mm or larger than 5 m across; it says what unit would do.
    """
    if _SMALLEST_M <= diameter_m <= _LARGEST_M:
        return
    advice = "check poses and masks"
    for factor, what in ((1e-3, "millimetres taken for metres"), (1e3, "metres taken for millimetres")):
        if _SMALLEST_M <= diameter_m * factor <= _LARGEST_M:
            advice = (
                f"it looks like {what}: set the unit (ID=DIR@{unit_m * factor:g}, model_unit_m={unit_m * factor:g})"
            )
    msg = f"{name}: expected an object of {_SMALLEST_M} to {_LARGEST_M} m, got one of {diameter_m:.4g} m; {advice}"
    raise BadJob(msg)


def check_view(made: ReferenceSet) -> Coverage:
    """From where the object is seen.

    Raises:
        BadJob: All photos are from one side, or the object is outside of most of them.
    """
    covered = coverage_of(made.positions_m())
    if covered.widest_deg < _ONE_SIDE_DEG:
        msg = (
            f"{made.name}: expected photos from several sides, got all within {covered.widest_deg:.0f} degrees; "
            "walk round the object"
        )
        raise BadJob(msg)
    outside = [photo.path.name for photo in made.photos if not _shows(photo, made.center_m)]
    if 2 * len(outside) > len(made.photos):
        msg = f"{made.name}: expected the object in the photos, its place is outside of {len(outside)}: {outside[0]}"
        raise BadJob(msg)
    return covered


def _shows(photo: Photo, center_m: Array) -> bool:
    seen = photo.K @ photo.cam_from_obj.apply(center_m)
    x, y = seen[:2] / max(float(seen[2]), 1e-9)
    return bool(seen[2] > 0 and 0 <= x <= 2 * photo.K[0, 2] and 0 <= y <= 2 * photo.K[1, 2])


def coverage_of(positions_m: Array) -> Coverage:
    """Coverage of camera positions (N, 3) about the object's centre."""
    looks = positions_m / np.linalg.norm(positions_m, axis=1, keepdims=True)
    k = np.arange(_DIRECTIONS) + 0.5
    z, turn = 1 - 2 * k / _DIRECTIONS, k * np.pi * (3 - 5**0.5)
    ring = np.sqrt(1 - z * z)
    everywhere = np.stack([ring * np.cos(turn), ring * np.sin(turn), z], axis=1)
    near = np.cos(np.radians(_FAR_DEG))
    sides = np.concatenate([np.eye(3), -np.eye(3)])
    names = ("+x", "+y", "+z", "-x", "-y", "-z")
    missing = tuple(name for name, best in zip(names, (sides @ looks.T).max(axis=1), strict=True) if best < near)
    widest = float(np.degrees(np.arccos(np.clip((looks @ looks.T).min(), -1, 1))))
    return Coverage(float(((everywhere @ looks.T).max(axis=1) >= near).mean()), widest, missing)
