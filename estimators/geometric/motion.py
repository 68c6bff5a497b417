"""Where a moving object will be next."""

import numpy as np

from estimators.geometric.memory import Memory
from estimators.geometric.placement import Placement
from estimators.geometric.solve import turn_by
from schemas.arrays import Array

_DAMPING = 0.9
_LONGEST_S = 0.5  # after a longer pause the velocity says nothing
_USUAL_S = 1 / 30
_LEAST_S = 0.001  # faster than any camera: its clock does not say, and a velocity over it would be absurd
_LARGEST_TURN_RAD = 0.6


def gap_s(before_ns: int, now_ns: int) -> float:
    """Seconds between two frames; one thirtieth where the clock does not say."""
    gap = (now_ns - before_ns) * 1e-9
    return gap if before_ns > 0 and gap >= _LEAST_S else _USUAL_S


def predict(placement: Placement, memory: Memory, seconds: float, damping: float = _DAMPING) -> Placement:
    """Constant velocity, damped by 0.9."""
    if seconds > _LONGEST_S:
        return placement
    R = placement.R.copy()
    turn_by(memory.turn_rad_s * (seconds * damping), R)
    return Placement(R, placement.t + memory.shift_m_s * (seconds * damping))


def velocity(memory: Memory, before: Placement, after: Placement, seconds: float, trust: float) -> tuple[Array, Array]:
    """(3,) turn and (3,) shift a second; a turn too large to be one frame's motion is none.

    Where the object was not seen for some frames, what it is off from where it was supposed to be has grown over all
    of them.
    """
    turn = rotation_vector(after.R @ before.R.T)
    if np.linalg.norm(turn) > _LARGEST_TURN_RAD:
        turn = memory.turn_rad_s * seconds
    share = trust / (1 + memory.bad)
    turn_rad_s = memory.turn_rad_s + share * (turn / seconds - memory.turn_rad_s)
    return turn_rad_s, memory.shift_m_s + share * ((after.t - before.t) / seconds - memory.shift_m_s)


def rotation_vector(R: Array) -> Array:
    """(3,) axis times angle of a rotation below pi."""
    sine = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]]) / 2
    length = float(np.linalg.norm(sine))
    angle = float(np.arctan2(length, (np.trace(R) - 1) / 2))
    return sine * (angle / length) if length > 1e-9 else sine
