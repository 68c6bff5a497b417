"""Posed pictures of an object, and how Gen6D brings each to one size and turn."""

from dataclasses import dataclass

import numpy as np

from estimators.gen6d.geometry import camera_position, focal, normalisation, normalised_pose, projected
from estimators.gen6d.look_at import Crop, look_at, looking
from estimators.gen6d.similarity import relative_view
from schemas.arrays import Array

SIDE_PX = 128
MARGIN = 0.05
"""Of the side that the object's circle leaves free."""
_LEAST_UP = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """Pictures of an object in one frame and unit, whatever they are.

    Attributes:
        pictures: N of (H, W, 3) uint8 RGB; sizes may differ.
        K: (N, 3, 3) float32, pixels; fx and fy are taken to be equal.
        cam_from_obj: (N, 3, 4) float32.
        center: (3,) of the object, the middle of its box.
        up: (3,) direction that is up in the upright crops.
        diameter: Of the sphere about the centre that is to fill a crop: of the box, corner to corner.
    """

    pictures: tuple[Array, ...]
    K: Array
    cam_from_obj: Array
    center: Array
    up: Array
    diameter: float

    def positions(self) -> Array:
        """(N, 3) of the cameras, from the object's centre."""
        return camera_position(self.cam_from_obj) - self.center

    def normalised(self) -> "References":
        """The same with the object's centre at the origin and its diameter 2."""
        scale, offset = normalisation(self.center, self.diameter)
        poses = normalised_pose(self.cam_from_obj, scale, offset)
        return References(self.pictures, self.K, poses, np.zeros(3), self.up, 2.0)


def upright(references: References, index: int) -> Crop:
    """One reference, looked at, its up to the top: (128, 128), the object's sphere 121.6 px wide."""
    direction = (references.cam_from_obj[index, :, :3] @ references.up)[:2]
    return _crop(references, index, upright_angle(direction))


def aligned(references: References, index: int, view: tuple[Array, Array]) -> Crop:
    """One reference, looked at, turned in the picture as in another view: cam_from_obj (3, 4) and K (3, 3)."""
    own = (references.cam_from_obj[index], references.K[index])
    return _crop(references, index, relative_view(own, view, references.center)[1])


def upright_angle(direction: Array) -> float:
    """The turn in the picture, radians from x to y, that brings a direction (2,) to the top."""
    if np.linalg.norm(direction) < _LEAST_UP:  # seen along it: any turn will do, but not one by rounding
        direction = direction + _LEAST_UP * np.sign(direction)
    return float(-np.arctan2(direction[1], direction[0]) - np.pi / 2)


def _crop(references: References, index: int, angle_rad: float) -> Crop:
    K, pose = references.K[index], references.cam_from_obj[index]
    (middle,), _ = projected(references.center[None], pose, K)
    distance = float(np.linalg.norm(camera_position(pose) - references.center))
    scale = focal_at(distance, references.diameter) / looking(K, middle)[1]
    return look_at(references.pictures[index], K, pose, middle, angle_rad, scale, (SIDE_PX, SIDE_PX))


def focal_at(distance: float, diameter: float) -> float:
    """The focal length at which an object so far away fills a crop up to the margin, pixels."""
    return SIDE_PX * (1 - MARGIN) / diameter * distance


def has_one_focal(K: Array, tolerance: float = 0.05) -> bool:
    """Whether fx and fy (3, 3) are near enough for the one focal length that Gen6D takes both for."""
    return abs(float(K[0, 0] - K[1, 1])) <= tolerance * focal(K)
