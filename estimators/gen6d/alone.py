"""Gen6D by itself on plain arrays: the reference's pipeline step by step, without streams, scores or losses."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from estimators.gen6d.database import VIEWS, Database, build
from estimators.gen6d.engine import Engine, Features
from estimators.gen6d.look_at import plain_crop
from estimators.gen6d.references import SIDE_PX, References
from estimators.gen6d.similarity import first_pose
from estimators.gen6d.steps import looks, next_pose
from schemas.arrays import Array

REFINE_STEPS, TRACK_STEPS = 3, 1
RADIAN, RIGHT_ANGLE = 1.0, np.pi / 2
"""The unit of the selector's angles: the published program takes them as radians; the published loss trains right
angles."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """An object that can be looked for.

    Attributes:
        references: All of them.
        database: What was chosen and cropped of them.
        features: What the networks made of that.
    """

    references: References
    database: Database
    features: Features

    @staticmethod
    def of(engine: Engine, references: References, views: int = VIEWS) -> "Known":
        """An object made ready, slowly."""
        database = build(references, views)
        return Known(references, database, engine.features(database))


class Selection(NamedTuple):
    """Which reference a crop looks like.

    Attributes:
        reference: Which one, an index of ``Database.ids``.
        angle_rad: How far the crop is turned from the upright reference, from x to y.
        logit: The selector's.
    """

    reference: int
    angle_rad: float
    logit: float


def select(
    engine: Engine, known: Known, picture: Array, place: tuple[Array, float], angle_unit: float = RADIAN
) -> Selection:
    """The reference that an object looks most like.

    Args:
        engine: The networks.
        known: The object.
        picture: (H, W, 3) uint8 RGB.
        place: (2,) pixels of its centre, and its size over that in a reference, as the detector says them.
        angle_unit: Radians in the selector's unit.
    """
    point_px, scale_r2q = place
    crop = plain_crop(picture, point_px, 0.0, 1 / scale_r2q, SIDE_PX)
    logits, angles = engine.select(crop[None], known.features)
    best = int(logits[0].argmax())
    return Selection(best, float(angles[0, best]) * angle_unit, float(logits[0, best]))


def initial_pose(known: Known, K: Array, place: tuple[Array, float], selection: Selection) -> Array:
    """(3, 4) cam_from_obj of a detection and a selection, in the references' unit; K (3, 3) float32 of the picture."""
    reference = (known.database.cam_from_obj[selection.reference], known.database.K[selection.reference])
    return first_pose(*place, selection.angle_rad, reference, K, known.references.center)


def refine(engine: Engine, known: Known, picture: Array, K: Array, cam_from_obj: Array) -> Array:
    """(3, 4) cam_from_obj after one step of the refiner; see ``predict`` for the arguments."""
    seen = looks(picture, K, cam_from_obj, known.references, known.database)
    (answer,) = engine.refine([seen])
    return next_pose(seen.query, *answer, known.references.center, known.references.diameter)


def predict(
    engine: Engine,
    known: Known,
    picture: Array,
    K: Array,
    cam_from_obj: Array | None = None,
    steps: int | None = None,
    angle_unit: float = RADIAN,
) -> Array:
    """The pose of an object in a picture.

    Args:
        engine: The networks.
        known: The object.
        picture: (H, W, 3) uint8 RGB, undistorted.
        K: (3, 3) float32, pixels.
        cam_from_obj: (3, 4) of the frame before, in the references' unit: then nothing is detected, as in the video
            mode; None to detect, select and refine.
        steps: Of the refiner; 3 without a pose before, 1 with one.
        angle_unit: Radians in the selector's unit.

    Returns:
        (3, 4) float64 cam_from_obj in the references' unit.
    """
    pose = cam_from_obj
    if pose is None:
        (found,) = engine.detect(picture[None], known.features)
        place = (np.array([found.x_px, found.y_px]), found.scale_r2q)
        pose = initial_pose(known, K, place, select(engine, known, picture, place, angle_unit))
    wanted = REFINE_STEPS if cam_from_obj is None else TRACK_STEPS
    for _ in range(wanted if steps is None else steps):
        pose = refine(engine, known, picture, K, pose)
    return pose


def guessed_camera(height_px: int, width_px: int) -> Array:
    """(3, 3) float32 intrinsics of a video of unknown ones: the diagonal as the focal length, the middle as centre."""
    f = float(np.hypot(height_px, width_px))
    return np.array([[f, 0, width_px / 2], [0, f, height_px / 2], [0, 0, 1]], np.float32)
