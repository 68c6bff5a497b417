"""Other poses worth trying when the one that motion predicts is in doubt."""

from dataclasses import replace

import numpy as np

from estimators.geometric.fit import Fit, fit
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.register import Registration, register
from estimators.geometric.resemblance import resemblance, uncovered
from estimators.geometric.rivals import steps_to
from estimators.geometric.score import score_of
from estimators.geometric.segments import find_segments
from estimators.geometric.sweep import STEPS, about, end_for_end, sweep, turned_over
from estimators.rendering import Renderer
from schemas import Pose

_SURE, _SURE_SCORE = 0.85, 0.5  # of the usual score, and in all: below, the fine fit alone does not do
_CONTRADICTED, _CONTRADICTED_SURE = 0.12, 0.95  # of what should be seen; of the usual score
_PLAIN = 0.1  # of what colours can tell
_HIDDEN_WRONG, _HIDDEN_LIKENESS, _HIDDEN_SCORE = 0.05, 0.85, 0.65
_IN_VIEW, _AFRESH_AFTER, _AFRESH_EVERY, _AFRESH_DIAMETERS, _AFRESH_SEGMENTS = 0.3, 3, 5, 0.3, 4
_DOUBT = 0.6  # of the usual score: below, other starts are tried too; above they seldom help
_CLEARLY, _OVER = 0.1, 0.18  # better; and where the axis would have to have turned over
_SWEEP_EVERY, _SWEEP_MEMORY = 2, 0.75
# of merit: what a single view may pretend, 3 in a row do not
_SWEEP_GATHERED, _SWEEP_NOW, _SWEEP_SLACK = 0.05, 0.012, 0.01
_MORE_ALIKE = 0.2  # of the 7 that a resemblance can be
_FEW_COLOURS = 0.05  # share of the sweep's merit: below, the shape alone decides
_SWEEP_SLIP = 2  # steps between two sweeps
_FACE_EVERY, _FACE_GEOMETRY = 3, 0.6
_FACE_DOUBT, _FACE_TELLING = 0.8, 0.3  # of the usual likeness; of what colours can tell


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
    them, 4 mm at most, and takes twice as long.
    """
    best, score = first
    if best is None or not _only_hidden(best, score, memory):
        return fit(model, predicted, images, renderer)
    return fit(model, best.placement, images, renderer, coarse=False)


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
    memory = replace(memory, doubts=memory.doubts + 1 if low else 0)
    if not model.parts.restarts or memory.doubts % _AFRESH_EVERY != _AFRESH_AFTER:
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


def other_face(
    model: ObjectModel, memory: Memory, found: Fit, score: float, images: FrameImages, renderer: Renderer
) -> tuple[Fit, float, Memory]:
    """The fit, turned as the shape allows, where depth agrees with the pose but the mesh's colours do not."""
    evidence = found.evidence
    unlike = evidence.likeness < _FACE_DOUBT * memory.likeness and evidence.telling > _FACE_TELLING
    due = model.parts.restarts and len(model.turns) > 1 and memory.frames % _FACE_EVERY == 0
    if not due or not unlike or evidence.geometry < _FACE_GEOMETRY:
        return found, score, memory
    best, best_score = found, score + _CLEARLY
    for turn in model.turns[1:]:
        other = fit(model, found.placement.after(turn), images, renderer, coarse=False)
        if other is not None and score_of(other.evidence, memory) > best_score:
            best, best_score = other, score_of(other.evidence, memory)
    return (best, best_score, memory) if best is not found else (found, score, memory)


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
            alike = model.wheel.colour_share < _FEW_COLOURS or _more_alike(other, found, images)
            if again > merits[0] + _SWEEP_NOW and alike:
                turns = np.roll(turns, -best) - turns[best]
                return other, score_of(other.evidence, memory), replace(memory, turns=turns)
        turns = np.minimum(turns, 0.0).astype(np.float32)  # a second look says no: gather anew
    return found, score, replace(memory, turns=turns)


def _more_alike(other: Fit, found: Fit, images: FrameImages) -> bool:
    """Whether the colours of all that is seen speak for another fit; points alone mistake a shade for a label."""
    now, then = (resemblance(fitted.look, uncovered(fitted.look, images)) for fitted in (found, other))
    return then > now + _MORE_ALIKE
