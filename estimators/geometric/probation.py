"""An equal object that stands still nearby must not be taken for one that was moving when it was lost."""

from dataclasses import replace

import numpy as np

from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.placement import Placement
from schemas.arrays import Array

DOUBTED_SCORE = 0.45
"""The most a pose is worth while it is on probation."""
MOVING_M_S = 0.12
"""An object that was slower on average rested."""
_FRAMES, _STILL_FRAMES = 4, 3
_STILL_SHARE = 0.35  # of its usual speed
_FAR_DIAMETERS = 0.6
_DECOY_FRAMES = 90
_DECOY_DIAMETERS = 0.35


def on_probation(model: ObjectModel, memory: Memory, placement: Placement) -> Memory:
    """The memory after a find: on probation where it is far from the last trusted place of an object that moved."""
    last = memory.rotation @ model.center_m + memory.translation_m
    far = np.linalg.norm(placement.t - last) > _FAR_DIAMETERS * model.mesh.diameter_m
    if not far or memory.speed_m_s < MOVING_M_S:
        return replace(memory, probation=0)
    return replace(memory, probation=_FRAMES, still=0, found_m=placement.t)


def watched(memory: Memory, shift_m_s: Array) -> Memory:
    """The memory after one more frame of probation, and with the decoy's time running out."""
    decoy = max(0, memory.decoy_frames - 1)
    if not memory.probation:
        return replace(memory, decoy_frames=decoy) if memory.decoy_frames else memory
    moves = bool(np.linalg.norm(shift_m_s) > _STILL_SHARE * memory.speed_m_s)
    still = memory.still if moves else memory.still + 1
    left = memory.probation - 1
    memory = replace(memory, still=still, probation=left, decoy_frames=decoy)
    if still >= _STILL_FRAMES:
        return replace(memory, probation=1, decoy_m=memory.found_m, decoy_frames=_DECOY_FRAMES)
    return memory


def is_decoy(memory: Memory) -> bool:
    """Whether what was found stood still all the time."""
    return memory.probation > 0 and memory.still >= _STILL_FRAMES


def at_decoy(memory: Memory, place_m: Array, diameter_m: float) -> bool:
    """Whether a place (3,) is where something that only looks like the object is known to stand."""
    return memory.decoy_frames > 0 and bool(np.linalg.norm(place_m - memory.decoy_m) < _DECOY_DIAMETERS * diameter_m)
