"""Which end of an object with an axis of near-symmetry is which: a mug upside down fits its own walls and handle."""

from dataclasses import replace

import numpy as np

from estimators.geometric.fit import Fit, fit
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.score import score_of
from estimators.geometric.sweep import end_for_end
from estimators.rendering import Renderer

_OPEN_EVERY, _SETTLED_EVERY = 2, 8
# of the score: of 25 sequences of mugs (seeds 100 and up) a right pose never gathered 0.1 where every second frame is
# looked at, and lost 0.06 a look at the median; one look alone may pretend 0.3
_SETTLED, _SURE, _MOST = -0.3, 0.1, 0.1
_FADES = 0.9
_DOUBT, _DOUBT_FADES = 0.85, 0.8  # of the usual score: below, the object may be turning over just then


def other_end(
    model: ObjectModel, memory: Memory, found: Fit, score: float, images: FrameImages, renderer: Renderer
) -> tuple[Fit, float, Memory]:
    """The fit, turned end for end where the frames by now say so; its score, and the memory with what they say.

    What sticks out stays in its place then. By how much the score of the turned pose is better is added up over frames
    (a cumulative sum that fades): rim, floor and the tilt of the handle contradict a little in many frames, and in
    some a hand is taken for them. Where the sum has settled, it is seldom looked at, until the score falls.
    """
    wheel = model.wheel
    if wheel is None or not len(wheel.odd) or not model.parts.turns:
        return found, score, memory
    over = memory.over * (_DOUBT_FADES if score < _DOUBT * memory.mean_score else 1.0)
    if memory.frames % (_SETTLED_EVERY if over <= _SETTLED else _OPEN_EVERY):
        return found, score, replace(memory, over=over)
    other = fit(model, end_for_end(wheel, found.placement), images, renderer, coarse=False)
    better = score_of(other.evidence, memory) if other is not None else 0.0
    over = max(2 * _SETTLED, _FADES * over + min(_MOST, max(-_MOST, better - score)))
    if other is None or over < _SURE or better < score:
        return found, score, replace(memory, over=over)
    turns, rivals = np.zeros_like(memory.turns), np.zeros_like(memory.rivals)
    return other, better, replace(memory, over=-over, turns=turns, rivals=rivals)
