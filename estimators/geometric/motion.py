"""Where a moving object will be next."""

from typing import TYPE_CHECKING

import numpy as np

from estimators.geometric.fit import Placement
from estimators.geometric.solve import turn_by

if TYPE_CHECKING:
    from estimators.geometric.memory import Memory
    from schemas.arrays import Array

_DAMPING = 0.9
_LONGEST_S = 0.5  # after a longer pause the velocity says nothing
_USUAL_S = 1 / 30
_LARGEST_TURN_RAD = 0.6
_HIDDEN_DECAY = 0.75


def gap_s(before_ns: int, now_ns: int) -> float:
    """Seconds between two frames; one thirtieth where the clock does not say."""
    gap = (now_ns - before_ns) * 1e-9
    return gap if before_ns > 0 and gap > 0 else _USUAL_S


def predict(placement: Placement, memory: "Memory", seconds: float) -> Placement:
    """Constant velocity, damped by 0.9."""
    if seconds > _LONGEST_S:
        return placement
    R = placement.R.copy()
    turn_by(memory.turn_rad_s * (seconds * _DAMPING), R)
    return Placement(R, placement.t + memory.shift_m_s * (seconds * _DAMPING))


def velocity(before: Placement, after: Placement, seconds: float, *, hidden: bool) -> "tuple[Array, Array]":
    """(3,) turn and (3,) shift a second; the turn is dropped where it is too large to be one frame's motion."""
    turn = rotation_vector(after.R @ before.R.T)
    if np.linalg.norm(turn) > _LARGEST_TURN_RAD:
        turn = np.zeros(3)
    decay = _HIDDEN_DECAY if hidden else 1.0
    return turn * (decay / seconds), (after.t - before.t) * (decay / seconds)


def rotation_vector(R: "Array") -> "Array":
    """(3,) axis times angle of a rotation below pi."""
    sine = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]]) / 2
    length = float(np.linalg.norm(sine))
    angle = float(np.arctan2(length, (np.trace(R) - 1) / 2))
    return sine * (angle / length) if length > 1e-9 else sine
