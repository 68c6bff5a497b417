"""Axes about which a declared symmetry lets an object turn as it likes: no error, no motion, nothing to find out."""

import numpy as np

from schemas import Symmetries
from schemas.arrays import Array

_ANY_RAD = 3.0  # of a turn that makes no difference
_STIFF = 1e9  # against some ten thousands that a frame says of a turn


def free_turns(symmetries: Symmetries) -> Array:
    """(A, 6) float64 turns by one radian about the declared axes, and the shift of the object's origin in them."""
    rows = [np.concatenate([axis, np.cross(offset_m, axis)]) for axis, offset_m in _axes(symmetries)]
    return np.array(rows).reshape(-1, 6)


def _axes(symmetries: Symmetries) -> list[tuple[Array, Array]]:
    return [(one.axis / np.linalg.norm(one.axis), one.offset_m) for one in symmetries.continuous]


def left_open(covariance: Array, free: Array) -> Array:
    """(6, 6) covariance, object's frame, in which turns about declared axes (A, 6) may be any."""
    return covariance + _ANY_RAD**2 * free.T @ free


def held(R: Array, free: Array) -> Array:
    """(6, 6) what keeps a step from turning about declared axes; R (3, 3) is of cam_from_obj.

    Of all poses that a symmetry makes equal the one without such a turn is taken.
    """
    stiff = np.zeros((6, 6))
    for axis in free[:, :3] @ R.T:
        stiff[:3, :3] += _STIFF * np.outer(axis, axis)
    return stiff


def without_free(turn: Array, R: Array, free: Array) -> Array:
    """(3,) a turn in the camera's axes without what it has about declared axes; R (3, 3) is of cam_from_obj.

    Nothing in a frame holds that part: it would be noise, and prediction would go on with it.
    """
    for axis in free[:, :3] @ R.T:
        turn = turn - (turn @ axis) * axis
    return turn
