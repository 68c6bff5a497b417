"""One refinement step outside of its network: what it looks at, and the pose that its answer gives."""

from typing import NamedTuple

import numpy as np

from estimators.gen6d.database import Database
from estimators.gen6d.geometry import (
    camera_position,
    compose,
    denormalised_pose,
    inverse,
    normalisation,
    normalised_pose,
    projected,
)
from estimators.gen6d.look_at import Crop, look_at, looking
from estimators.gen6d.references import SIDE_PX, References, aligned, focal_at
from estimators.gen6d.similarity import rigid_pose, similarity
from estimators.gen6d.views import nearest
from schemas.arrays import Array

REFERENCES = 6


class Looks(NamedTuple):
    """What the refiner sees of one pose, in the normalised object's frame.

    Attributes:
        query: The picture, looked at along the pose.
        references: The six whose direction is nearest, turned and rectified like the query, nearest first.
        ids: (6,) which references they are.
    """

    query: Crop
    references: list[Crop]
    ids: Array


def looks(picture: Array, K: Array, cam_from_obj: Array, references: References, database: Database) -> Looks:
    """What the refiner is to see.

    Args:
        picture: (H, W, 3) uint8 RGB.
        K: (3, 3) float32, pixels.
        cam_from_obj: (3, 4) in the references' unit, the object before the camera.
        references: Of the object.
        database: Made of them.
    """
    scale, offset = normalisation(references.center, references.diameter)
    query = query_crop(picture, K, normalised_pose(cam_from_obj, scale, offset))
    ranked = nearest(database.refiner_positions(), camera_position(query.cam_from_obj), REFERENCES)
    ids = database.spread[ranked]
    view = (query.cam_from_obj, query.K)
    return Looks(query, [aligned(database.normalised, int(index), view) for index in ids], ids)


def query_crop(picture: Array, K: Array, cam_from_obj: Array) -> Crop:
    """(128, 128) of a picture, looking at the object at a normalised pose (3, 4), in the size of a reference."""
    (middle,), _ = projected(np.zeros((1, 3)), cam_from_obj, K)
    distance = float(np.linalg.norm(camera_position(cam_from_obj)))
    scale = focal_at(distance, 2.0) / looking(K, middle)[1]
    return look_at(picture, K, cam_from_obj, middle, 0.0, scale, (SIDE_PX, SIDE_PX))


def next_pose(
    query: Crop, quaternion: Array, offset: Array, scale_log2: float, center: Array, diameter: float
) -> Array:
    """The pose after a step.

    Args:
        query: What the refiner saw of the pose before.
        quaternion: (4,), w first, as ``offset`` and ``scale_log2`` the refiner's answer.
        offset: (2,) in units of half the diameter.
        scale_log2: Above 0 the object is nearer.
        center: (3,) of the object, in the references' unit.
        diameter: Of the object, likewise.

    Returns:
        (3, 4) float64 cam_from_obj in the references' unit. The camera's turn towards the object is undone by a
        rotation alone.
    """
    origin = np.zeros(3)
    change = similarity(quaternion, offset, scale_log2, query.cam_from_obj[:, 3])
    pose = rigid_pose(change, query.cam_from_obj, query.K, query.K, origin)
    return denormalised_pose(compose(pose, inverse(query.turned)), *normalisation(center, diameter))
