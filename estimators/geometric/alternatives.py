"""Other poses worth trying when the one that motion predicts is in doubt."""

from dataclasses import replace

import numpy as np

from estimators.geometric.fit import Fit, approached, fit
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.register import Registration, register
from estimators.geometric.resemblance import more_alike
from estimators.geometric.rivals import steps_to
from estimators.geometric.score import score_of
from estimators.geometric.segments import find_segments
from estimators.geometric.sweep import STEPS, about, end_for_end, sweep, turned_over
from estimators.rendering import Renderer
from schemas import Pose

_SURE, _SURE_SCORE = 0.85, 0.5  # of the usual score, and in all: below, the fine fit alone does not do
_SPARING, _SETTLED_M, _SAME_M = 0.7, 0.008, 0.004  # of the usual score; ways of a point of it
_CONTRADICTED, _CONTRADICTED_SURE = 0.12, 0.95  # of what should be seen; of the usual score
_PLAIN = 0.1  # of what colours can tell
_HIDDEN_WRONG, _HIDDEN_LIKENESS, _HIDDEN_SCORE = 0.05, 0.85, 0.65
_IN_VIEW, _AFRESH_AFTER, _AFRESH_EVERY, _AFRESH_DIAMETERS, _AFRESH_SEGMENTS = 0.3, 3, 5, 0.3, 4
_AGREES_AFTER, _AGREES_EVERY = 12, 20  # frames
_DOUBT = 0.6  # of the usual score: below, other starts are tried too; above they seldom help
_CLEARLY, _OVER = 0.1, 0.18  # better; and where the axis would have to have turned over
_SWEEP_EVERY, _SWEEP_MEMORY = 2, 0.75
# of merit: what a single view may pretend, 3 in a row do not
_SWEEP_GATHERED, _SWEEP_NOW, _SWEEP_SLACK = 0.05, 0.012, 0.01
_FEW_COLOURS = 0.05  # share of the sweep's merit: below, the shape alone decides
_SWEEP_SLIP = 2  # steps between two sweeps


def best_start(
    model: ObjectModel,
    memory: Memory,
    before: Placement,
    predicted: Placement,
    images: FrameImages,
    renderer: Renderer,
) -> tuple[Fit | None, float]:
    """The fit from the predicted pose; where it is in doubt a wide one, then one from the last poses too."""
    best = fit(model, predicted, images, renderer, coarse=False)
    score = score_of(best.evidence, memory) if best else 0.0
    if score >= max(_SURE * memory.mean_score, _SURE_SCORE):
        return best, score
    wide = _second(model, memory, predicted, (best, score), images, renderer)
    if wide is not None and (best is None or score_of(wide.evidence, memory) > score):
        best, score = wide, score_of(wide.evidence, memory)
    if not model.parts.restarts or (score >= _DOUBT * memory.mean_score and best is not None):
        return best, score
    trusted = Placement.of(Pose(memory.rotation, memory.translation_m), model.center_m)
    for start in (before, trusted) if memory.bad else (before,):
        other = fit(model, start, images, renderer)
        if other is not None and (best is None or score_of(other.evidence, memory) > score):
            best, score = other, score_of(other.evidence, memory)
    return best, score


def _second(
    model: ObjectModel,
    memory: Memory,
    predicted: Placement,
    first: tuple[Fit | None, float],
    images: FrameImages,
    renderer: Renderer,
) -> Fit | None:
    """A wide fit; where the first one scores low for what is in front alone, the fine one once more from there.

    Half of the fits below ``_SURE`` on generated sequences are such: a wide pass gains 2 mm in one of a hundred of
    them, 4 mm at most, and takes twice as long. None where the first fit is settled and neither leads elsewhere: of
    123 such wide fits one gained 2 mm.
    """
    best, score = first
    settled = best is not None and score >= _SPARING * memory.mean_score and _is_settled(model, best, predicted)
    if best is not None and _only_hidden(best, score, memory):
        return None if settled else fit(model, best.placement, images, renderer, coarse=False)
    near = approached(model, predicted, images, renderer)
    if near is None or (settled and best is not None and best.way_m(near) < _SAME_M):
        return None
    return fit(model, near, images, renderer, coarse=False)


def _is_settled(model: ObjectModel, found: Fit, start: Placement) -> bool:
    """Whether a fit was drawn so near to where it ended that another look shows nothing new.

    Of a plain mesh it does: what sticks out of a mug tells its turn by a few points.
    """
    return model.textured and found.way_m(start) < _SETTLED_M


def _only_hidden(found: Fit, score: float, memory: Memory) -> bool:
    """Whether nothing contradicts a fit and its colours are as usual."""
    evidence = found.evidence
    alike = evidence.telling < _PLAIN or evidence.likeness > _HIDDEN_LIKENESS * memory.likeness
    return evidence.wrong < _HIDDEN_WRONG and alike and score > _HIDDEN_SCORE * memory.mean_score


def afresh(
    model: ObjectModel, memory: Memory, found: Fit, score: float, images: FrameImages, renderer: Renderer
) -> tuple[Fit, float, Memory]:
    """The fit; where the object has been in full view for some frames and yet scores low, one registered anew.

    Depth and colours of a wrong turn fit half way, and small steps do not lead out of it.
    """
    low = found.evidence.hidden < _IN_VIEW and _is_low(found, score, memory)
    memory = replace(memory, doubts=memory.doubts + 1 if low else 0) if low or memory.doubts else memory
    if not model.parts.restarts or not _afresh_due(found, memory):
        return found, score, memory
    near_m = _AFRESH_DIAMETERS * model.mesh.diameter_m
    segments = find_segments(model, found.placement.t, near_m, images, most=_AFRESH_SEGMENTS)
    if not segments:
        return found, score, memory
    nearest = min(segments, key=lambda one: float(np.linalg.norm(one.center_m - found.placement.t)))
    again = register(model, nearest.mask, images, renderer)
    if again is None:
        return found, score, memory
    best = _same_way_up(model, memory, again, found.placement, images, renderer)
    over = turned_over(model.wheel, best.placement.R, found.placement.R)
    better = score_of(best.evidence, memory)
    if better < score + (_OVER if over else _CLEARLY):
        return found, score, memory
    others = [found.placement, again.fit.placement, *again.rivals]
    rivals = steps_to(best.placement, [one for one in others if not turned_over(model.wheel, one.R, best.placement.R)])
    return best, better, replace(memory, doubts=0, rivals=rivals, rivals_view=best.placement.view)


def _afresh_due(found: Fit, memory: Memory) -> bool:
    """Whether it is time to register anew; where depth agrees that gains little, and other faces are tried anyhow."""
    agrees = found.evidence.wrong < _HIDDEN_WRONG
    after, every = (_AGREES_AFTER, _AGREES_EVERY) if agrees else (_AFRESH_AFTER, _AFRESH_EVERY)
    return memory.doubts % every == after


def _is_low(found: Fit, score: float, memory: Memory) -> bool:
    """Whether an object in full view scores less than usual; little less will do where depth contradicts it."""
    contradicted = found.evidence.wrong > _CONTRADICTED
    return score < (_CONTRADICTED_SURE if contradicted else _SURE) * memory.mean_score


def _same_way_up(
    model: ObjectModel,
    memory: Memory,
    again: Registration,
    before: Placement,
    images: FrameImages,
    renderer: Renderer,
) -> Fit:
    """The registered fit; where its axis has turned over, one as likely whose axis points as it did.

    The object was in view all the time: from one frame to the next it does not turn end for end.
    """
    at, wheel = again.fit.placement, model.wheel
    if wheel is None or not turned_over(wheel, at.R, before.R):
        return again.fit
    starts = [*again.rivals, end_for_end(wheel, at)]
    kept = [one for one in starts if not turned_over(wheel, one.R, before.R)]
    fits = [one for start in kept if (one := fit(model, start, images, renderer, coarse=False)) is not None]
    best = max(fits, key=lambda one: score_of(one.evidence, memory), default=again.fit)
    return best if score_of(best.evidence, memory) > score_of(again.fit.evidence, memory) - _OVER else again.fit


def turned(
    model: ObjectModel, memory: Memory, found: Fit, score: float, images: FrameImages, renderer: Renderer
) -> tuple[Fit, float, Memory]:
    """The fit, turned about the axis of near-symmetry where frames in a row speak for another turn."""
    if not model.parts.turns or model.wheel is None or memory.frames % _SWEEP_EVERY:
        return found, score, memory
    # a hand in front is easily taken for a handle
    seen = (1.0 - found.evidence.hidden) ** 2
    merits = seen * sweep(model.wheel, found.placement, images)
    # while nothing shows the turn the pose slips about the axis: what was gathered belongs to a turn nearby by now
    slipped = np.max([np.roll(memory.turns, shift) for shift in range(-_SWEEP_SLIP, _SWEEP_SLIP + 1)], axis=0)
    turns = (_SWEEP_MEMORY * slipped + (merits - merits[0])).astype(np.float32)
    best = int(np.argmax(2 * turns + np.roll(turns, 1) + np.roll(turns, -1)))  # the pose itself drifts meanwhile
    if turns[best] > _SWEEP_GATHERED and merits[best] - merits[0] > _SWEEP_NOW:
        A, b = about(model.wheel.axis, 2 * np.pi * best / STEPS)
        start = found.placement.after(A, b)
        other = fit(model, start, images, renderer, coarse=False)
        if other is not None and score_of(other.evidence, memory) > score - _SWEEP_SLACK:
            again = seen * sweep(model.wheel, other.placement, images)[0]
            alike = model.wheel.colour_share < _FEW_COLOURS or more_alike(other.look, found.look, images)
            if again > merits[0] + _SWEEP_NOW and alike:
                turns = np.roll(turns, -best) - turns[best]
                return other, score_of(other.evidence, memory), replace(memory, turns=turns)
        turns = np.minimum(turns, 0.0).astype(np.float32)  # a second look says no: gather anew
    return found, score, replace(memory, turns=turns)
