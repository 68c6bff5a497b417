"""Poses that the networks are trained from: wrong in the ways and by as much as those that they will see."""

import numpy as np

from estimators.foundationpose.symmetry import nearest_equal
from schemas import Pose
from schemas.arrays import Array

# Wen et al. 2024, section 3.3; of a small object no more than some of its diameter, or it would not be in the crop
_SHIFT_M = np.array([0.02, 0.02, 0.05])
_SHIFT_DIAMETERS = np.array([0.3, 0.3, 0.5])
_TURN_RAD = np.radians(20.0)
_NEAR_RAD, _NEAR_SHIFT = (
    np.radians(8.0),
    0.15,
)  # of a hypothesis that is to win, the second of what a refiner starts from
_QUARTERS = 4
_POINTS = 200


def refiner_starts(cam_from_obj: Pose, diameter_m: float, generator: np.random.Generator, count: int) -> list[Pose]:
    """Poses that the refiner has to move to the true one.

    Shifts of up to 2, 2 and 5 cm and turns of up to 20 degrees about random axes, each of a size that is spread evenly
    below that: tracking starts near, registration far.

    Args:
        cam_from_obj: The true pose, of the mesh about its centre.
        diameter_m: Of the mesh.
        generator: All that is random.
        count: How many.
    """
    return [off(cam_from_obj, diameter_m, generator, 1.0, _TURN_RAD) for _ in range(count)]


def scorer_hypotheses(
    cam_from_obj: Pose, symmetries: Array, diameter_m: float, generator: np.random.Generator, count: int
) -> list[Pose]:
    """Poses among which the scorer has to find the best, in no order.

    One is near the true pose. Others are what registration mistakes for it: turned by quarters about an axis of the
    object or by any angle about one, at the same place; any turn at all; or near, but less so.

    Args:
        cam_from_obj: The true pose, of the mesh about its centre.
        symmetries: (S, 4, 4) of ``symmetry_transforms``; one of them is applied to each, so that no turn stands out.
        diameter_m: Of the mesh.
        generator: All that is random.
        count: How many; at least 2.
    """
    near = [off(cam_from_obj, diameter_m, generator, _NEAR_SHIFT, _NEAR_RAD)]
    for _ in range(count - 1):
        turned = cam_from_obj @ Pose(mistaken(generator), np.zeros(3))
        near.append(off(turned, diameter_m, generator, _NEAR_SHIFT * generator.uniform(1, 4), 2 * _NEAR_RAD))
    chosen = symmetries[generator.integers(len(symmetries), size=count)]
    return [near[k] @ Pose.from_matrix(chosen[k]) for k in generator.permutation(count)]


def mistaken(generator: np.random.Generator) -> Array:
    """(3, 3) obj_from_obj turn such as registration makes by mistake; none in a quarter of the cases."""
    kind = generator.integers(4)
    if kind == 0:  # as near as the other, or only less so by what is added to all
        return np.eye(3)
    axis = np.eye(3)[generator.integers(3)]
    if kind == 1:
        return rotation(axis * (np.pi / 2) * generator.integers(1, _QUARTERS))
    if kind == 2:
        return rotation(axis * generator.uniform(np.radians(15), 2 * np.pi - np.radians(15)))
    return rotation(direction(generator) * generator.uniform(np.radians(15), np.pi))


def off(pose: Pose, diameter_m: float, generator: np.random.Generator, shift: float, turn_rad: float) -> Pose:
    """The pose, turned about its origin by up to an angle and shifted in the camera's axes.

    Args:
        pose: Of the mesh about its centre.
        diameter_m: Of the mesh.
        generator: All that is random.
        shift: At most, as a share of what ``refiner_starts`` shift by.
        turn_rad: At most.
    """
    most_m = np.minimum(_SHIFT_M, _SHIFT_DIAMETERS * diameter_m) * shift
    moved_m = pose.translation_m + generator.uniform(-most_m, most_m) * generator.uniform()
    turn = rotation(direction(generator) * turn_rad * generator.uniform())
    return Pose(turn @ pose.rotation, moved_m)


def direction(generator: np.random.Generator) -> Array:
    """(3,) of length 1, all alike likely."""
    vector = generator.normal(size=3)
    return vector / np.linalg.norm(vector)


def rotation(vector: Array) -> Array:
    """(3, 3) rotation by a rotation vector (3,), radians: Rodrigues' formula."""
    angle = float(np.linalg.norm(vector))
    if angle == 0.0:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)


def errors(hypotheses: list[Pose], truth: Pose, symmetries: Array, points_m: Array) -> tuple[Array, Array]:
    """How wrong poses are, against the pose equal to the true one whose rotation is nearest.

    Args:
        hypotheses: N poses of the mesh about its centre.
        truth: The true one.
        symmetries: (S, 4, 4) of ``symmetry_transforms``.
        points_m: (P, 3) of the mesh.

    Returns:
        (N,) float64 mean distances of the points (ADD), metres, and (N,) float64 angles, radians.
    """
    distances_m, angles_rad = np.empty(len(hypotheses)), np.empty(len(hypotheses))
    for k, pose in enumerate(hypotheses):
        equal = nearest_equal(truth, symmetries, pose)
        distances_m[k] = np.linalg.norm(pose.apply(points_m) - equal.apply(points_m), axis=1).mean()
        angles_rad[k] = pose.distance(equal)[0]
    return distances_m, angles_rad


def some_points(vertices_m: Array) -> Array:
    """(P, 3) float64, some 200 of a mesh's vertices."""
    return vertices_m[:: max(1, len(vertices_m) // _POINTS)].astype(np.float64)
