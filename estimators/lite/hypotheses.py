"""Poses that the small network learns to choose among: all fitted about as well, as registration's candidates are."""

import numpy as np

from estimators.foundationpose.training.starts import direction, mistaken, off
from estimators.geometric.surface import Axis, find_axis, sample
from estimators.geometric.sweep import about
from estimators.mesh import Mesh
from schemas import Pose
from schemas.arrays import Array

_RIGHT = 2  # of the poses
_SURFACE_POINTS = 600
_LEAST_TURN_RAD = np.radians(15.0)
_ABOUT_AXIS_SHARE, _OVER_SHARE = 0.8, 0.3  # of the wrong ones of a mesh with an axis of near-symmetry
_SHIFT, _TURN_RAD = 0.5, np.radians(10.0)  # at most: the first of what a refiner starts from
_LEAST_SCALE = 0.05  # of these, in scenes where all are fitted well


def hypotheses(
    cam_from_obj: Pose, mesh: Mesh, symmetries: Array, generator: np.random.Generator, count: int
) -> list[Pose]:
    """Poses of the mesh about its centre, the first two about right.

    The others are turned about the mesh's axis of near-symmetry, if it has one, some of them end for end too; or by
    quarters or any angle, as the scorer's. Right and wrong ones are off by the same further on, which differs from
    scene to scene: how well a pose fits must not tell the right one, since every candidate of a registration was
    fitted to the depth before.

    Args:
        cam_from_obj: The true pose, of the mesh about its centre.
        mesh: The object.
        symmetries: (S, 4, 4) of turns that nobody can see; one of them is applied to each.
        generator: All that is random.
        count: How many; above 2.
    """
    axis = find_axis(sample(mesh, _SURFACE_POINTS), mesh.diameter_m)
    scale = float(np.exp(generator.uniform(np.log(_LEAST_SCALE), 0.0)))
    turned = [cam_from_obj] * _RIGHT + [cam_from_obj @ _wrong(axis, generator) for _ in range(count - _RIGHT)]
    chosen = symmetries[generator.integers(len(symmetries), size=count)]
    moved = [off(pose, mesh.diameter_m, generator, _SHIFT * scale, _TURN_RAD * scale) for pose in turned]
    return [pose @ Pose.from_matrix(equal) for pose, equal in zip(moved, chosen, strict=True)]


def _wrong(axis: Axis | None, generator: np.random.Generator) -> Pose:
    """obj_from_obj, about the centre."""
    if axis is None or generator.random() > _ABOUT_AXIS_SHARE:
        return Pose(mistaken(generator), np.zeros(3))
    turn = Pose(*about(axis, generator.uniform(_LEAST_TURN_RAD, 2 * np.pi - _LEAST_TURN_RAD)))
    if generator.random() > _OVER_SHARE:
        return turn
    aside = np.cross(axis.direction, direction(generator))
    return turn @ Pose(*about(Axis(axis.origin, aside / np.linalg.norm(aside), axis.odd), np.pi))
