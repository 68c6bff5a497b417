"""A pose that was given from outside: how far the fit lies from it, and keeping that for the frames that follow.

Sensor, mesh and texture of a real object disagree by a degree and some millimetres, in the same way from frame to
frame. Who gives a pose says where the object is; what the fit says in that very frame differs by these errors, which
are then left out as long as the object shows the same side.
"""

from dataclasses import replace

import numpy as np

from estimators.geometric.fit import Fit
from estimators.geometric.memory import Memory
from estimators.geometric.motion import rotation_vector
from estimators.geometric.placement import Placement
from estimators.geometric.solve import turn_by

_VIEW_RAD = np.radians(45.0)  # after such a turn of the view another side errs in another way
_LARGEST_RAD, _LARGEST_DIAMETERS = np.radians(10.0), 0.1  # more is no error of a mesh: the fit is elsewhere
_NOISE = 16.0  # chi-square of six numbers that noise alone exceeds once in seventy times


def measured(memory: Memory, given: Placement, found: Fit, diameter_m: float) -> Memory:
    """The memory with the step from a fit to the pose that was given; without it where noise explains it or it is huge.

    Args:
        memory: Of the object.
        given: The pose from outside.
        found: The fit that started there.
        diameter_m: Of the object.
    """
    at = found.placement
    step = np.concatenate([rotation_vector(at.R.T @ given.R), at.R.T @ (given.t - at.t)])
    if np.linalg.norm(step[:3]) > _LARGEST_RAD or np.linalg.norm(step[3:]) > _LARGEST_DIAMETERS * diameter_m:
        return memory
    # the covariance is about the object's origin; turned about the centre it differs by a percent of the diameter
    surprise = float(step @ np.linalg.solve(found.noise, step))
    share = max(0.0, 1.0 - _NOISE / max(surprise, 1e-9))  # shrunk towards none (James and Stein 1961)
    return replace(memory, offset=share * step, offset_view=given.view)


def with_offset(memory: Memory, placement: Placement, share: float = 1.0) -> Placement:
    """A fitted placement as it is to be reported; with ``share`` -1 the way back."""
    if not memory.offset.any():
        return placement
    away = float(np.arccos(np.clip(placement.view @ memory.offset_view, -1.0, 1.0)))
    step = share * np.exp(-((away / _VIEW_RAD) ** 2)) * memory.offset
    R = placement.R.copy()
    turn_by(placement.R @ step[:3], R)
    return Placement(R, placement.t + placement.R @ step[3:])
