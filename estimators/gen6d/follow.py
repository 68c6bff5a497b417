"""Refining poses in frames, many at once, and what the frames then say of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from estimators.crew import Crew
from estimators.foundationpose.symmetry import nearest_equal
from estimators.gen6d.distance import measured
from estimators.gen6d.engine import Engine
from estimators.gen6d.find import camera_matrix
from estimators.gen6d.likeness import likeness
from estimators.gen6d.model import ObjectModel
from estimators.gen6d.steps import Looks, looks, next_pose
from schemas import Frame, Pose
from schemas.arrays import Array

_NEAREST = 0.6
"""Of the diameter: a pose whose centre is nearer to the camera's plane is not looked along."""
_MEASURED_WELL = 0.5
"""Share of the visible surface that is measured where it is thought, from which on depth takes nothing off a score."""


@dataclass(frozen=True, slots=True, eq=False)
class Posed:
    """An object in a frame at a pose.

    Attributes:
        model: The object.
        frame: The frame.
        cam_from_obj: (3, 4) float64, metres.
    """

    model: ObjectModel
    frame: Frame
    cam_from_obj: Array


def refined(engine: Engine, crew: Crew, items: Sequence[Posed], steps: Sequence[int]) -> list[Array]:
    """Poses (3, 4) after so many steps of the refiner each; each step of all of them goes to the network at once.

    Where a frame has depth, it says how far the object is, before the first step and after each. A step that leads too
    near to the camera, or anywhere not finite, is not taken.
    """
    poses = crew.each(lambda item: _in_distance(item, item.cam_from_obj), items)
    for done in range(max(steps, default=0)):
        moving = [k for k in range(len(items)) if steps[k] > done and is_before(items[k].model, poses[k])]
        seen = crew.each(lambda k: _looks(items[k], poses[k]), moving)
        for k, one, answer in zip(moving, seen, engine.refine(seen), strict=True):
            references = items[k].model.known.references
            moved = next_pose(one.query, *answer, references.center, references.diameter)
            poses[k] = moved if is_before(items[k].model, moved) else poses[k]
        for k, pose in zip(moving, crew.each(lambda k: _in_distance(items[k], poses[k]), moving), strict=True):
            poses[k] = pose
    return poses


def _looks(item: Posed, pose: Array) -> Looks:
    known = item.model.known
    return looks(item.frame.rgb, camera_matrix(item.frame), pose, known.references, known.database)


def score_of(item: Posed) -> float:
    """How likely a pose is right by what its frame shows, 0 to 1, see ``likeness``.

    Where depth is measured about the object, the share of its visible surface that is not where the pose says, beyond
    a half, is taken off.
    """
    if not is_before(item.model, item.cam_from_obj):
        return 0.0
    K = camera_matrix(item.frame)
    by_picture = likeness(item.frame.rgb, K, item.cam_from_obj, item.model)
    if item.frame.depth_m is None:
        return by_picture
    made = item.model.made
    agreement = measured(made.surface_m, item.cam_from_obj, K, item.frame.depth_m, made.diameter_m).agreement
    return by_picture if np.isnan(agreement) else by_picture * min(1.0, agreement / _MEASURED_WELL)


def is_before(model: ObjectModel, pose: Array) -> bool:
    """Whether a pose is finite and the object wholly before the camera."""
    center = pose[:, :3] @ model.known.references.center + pose[:, 3]
    return bool(np.isfinite(pose).all() and center[2] > _NEAREST * model.made.diameter_m)


def as_pose(pose: Array, model: ObjectModel, near: Pose | None) -> Pose:
    """A pose (3, 4) made orthonormal; of those that a declared symmetry makes equal, the one nearest to another."""
    u, _, vt = np.linalg.svd(pose[:, :3])
    made = Pose(u @ vt, pose[:, 3])
    return made if near is None else nearest_equal(made, model.symmetries, near)


def _in_distance(item: Posed, pose: Array) -> Array:
    """The pose where depth has it."""
    depth_m, made = item.frame.depth_m, item.model.made
    if depth_m is None or not is_before(item.model, pose):
        return pose
    return measured(made.surface_m, pose, camera_matrix(item.frame), depth_m, made.diameter_m).cam_from_obj
