"""What is worked out once from the references of an object: the pictures that detector and selector look at."""

from dataclasses import dataclass

import numpy as np

from estimators.gen6d.geometry import camera_position
from estimators.gen6d.look_at import turned_about_middle, warped
from estimators.gen6d.references import SIDE_PX, References, upright
from estimators.gen6d.selector import ANGLES_DEG, view_directions
from estimators.gen6d.views import spread
from schemas.arrays import Array

VIEWS, DETECTOR_VIEWS, REFINER_VIEWS = 64, 32, 128
"""References of the selector, those of them that the detector takes, and those that the refiner chooses among."""


@dataclass(frozen=True, slots=True, eq=False)
class Database:
    """An object ready for Gen6D, without anything of the networks.

    Attributes:
        ids: (R,) of the chosen references, spread evenly, the most important first.
        upright: (R, 128, 128, 3) uint8, each looked at with up to the top; the detector takes the first 32.
        turned: (R, 5, 128, 128, 3) uint8, each in the turns of ``selector.ANGLES_DEG``, warped once from the picture.
        K: (R, 3, 3) float32 of the upright ones.
        cam_from_obj: (R, 3, 4) of the upright ones, in the references' unit.
        directions: (R, 3) float32 for ``Selector.embedding``.
        normalised: All references with the object's centre at the origin and its diameter 2, for the refiner.
        spread: (at most 128,) of them, those that the refiner chooses among.
    """

    ids: Array
    upright: Array
    turned: Array
    K: Array
    cam_from_obj: Array
    directions: Array
    normalised: References
    spread: Array

    def refiner_positions(self) -> Array:
        """(at most 128, 3) camera positions of those that the refiner chooses among."""
        return camera_position(self.normalised.cam_from_obj[self.spread])


def build(references: References, views: int = VIEWS) -> Database:
    """The database of an object.

    Args:
        references: All of them, two or more.
        views: How many the selector compares; trained with 64.
    """
    ids = spread(references.positions(), views)
    crops = [upright(references, index) for index in ids]
    turned = [_turns(references.pictures[index], crop.homography) for index, crop in zip(ids, crops, strict=True)]
    poses = np.stack([crop.cam_from_obj for crop in crops])
    normalised = references.normalised()
    return Database(
        ids,
        np.stack([crop.picture for crop in crops]),
        np.array(turned),
        np.stack([crop.K for crop in crops]),
        poses,
        view_directions(camera_position(poses) - references.center, references.up),
        normalised,
        spread(camera_position(normalised.cam_from_obj), REFINER_VIEWS),
    )


def _turns(picture: Array, homography: Array) -> list[Array]:
    """A crop in all turns."""
    turns = [turned_about_middle(homography, float(np.radians(angle)), SIDE_PX) for angle in ANGLES_DEG]
    return [warped(picture, turn, (SIDE_PX, SIDE_PX)) for turn in turns]
