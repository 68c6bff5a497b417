"""Finding an object again where there is no depth."""

import numpy as np

from estimators.geometric.find_by_picture import places_like
from estimators.geometric.fit import Fit, Placement, fit
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.probation import at_decoy
from estimators.geometric.score import score_of
from estimators.rendering import Renderer
from schemas import Pose
from schemas.arrays import Array

_LEAST_SCORE, _CLEARLY = 0.52, 0.1
_TURN_RAD, _TURN_FRAME_RAD = np.radians(40.0), np.radians(8.0)  # how far it may have turned, and a frame
# how far it may have moved across the view, a frame, and a frame in units of its usual speed
_REACH_DIAMETERS, _REACH_M, _REACH_SPEED_S = 0.4, 0.004, 1.5 / 30
_FARTHEST_M = 0.35
_FITTED = 4


def elsewhere_by_picture(
    model: ObjectModel, memory: Memory, score: float, images: FrameImages, renderer: Renderer
) -> Fit | None:
    """The best fit at places that look like the object, where it clearly beats ``score``; None where none does."""
    trusted = Placement.of(Pose(memory.rotation, memory.translation_m), model.center_m)
    frames = max(1, memory.frames - memory.trusted_frame)
    reach_m = _REACH_DIAMETERS * model.mesh.diameter_m + (_REACH_M + _REACH_SPEED_S * memory.speed_m_s) * frames
    reach_m = min(reach_m, _FARTHEST_M)
    angle_rad = _TURN_RAD + _TURN_FRAME_RAD * frames
    best, best_score = None, max(_LEAST_SCORE, score + _CLEARLY)
    likely = places_like(model, trusted, angle_rad, reach_m, images, memory.tone, _FITTED)
    for start in [trusted] + [Placement(R, t) for R, t in likely]:
        found = fit(model, start, images, renderer)
        if found is None or at_decoy(memory, found.placement.t, model.mesh.diameter_m):
            continue
        if _across(found.placement.t, trusted.t) > reach_m:
            continue
        if score_of(found.evidence, memory) > best_score:
            best, best_score = found, score_of(found.evidence, memory)
    return best


def _across(one: Array, other: Array) -> float:
    """Metres between two places across the view of the second."""
    off, ray = one - other, other / np.linalg.norm(other)
    return float(np.linalg.norm(off - (off @ ray) * ray))
