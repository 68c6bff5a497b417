"""Following one object from its last estimate."""

from dataclasses import replace

import numpy as np

from estimators.geometric.fit import Fit, Placement, fit
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.motion import gap_s, predict, velocity
from estimators.geometric.pictures import FrameImages
from estimators.geometric.register import register
from estimators.geometric.relocate import relocate
from estimators.geometric.segments import find_segments
from estimators.geometric.sweep import STEPS, about, sweep
from estimators.rendering import Renderer
from schemas import Estimate, Frame, Pose, State

TRUSTED = 0.5
"""A pose with a lower score is not to be trusted."""
LOST_SCORE = 0.3
LOST_AFTER = 4
"""An object is lost after so many frames in a row below ``LOST_SCORE``."""
_FOUND_SCORE = 0.6
_DOUBT = 0.75  # of the usual score: below, other starts are tried too
_TRY_EVERY = 2
_MEAN_FRAMES = 15
_LIKENESS_FLOOR = 0.35
_HALF_HIDDEN = 0.5
_SWEEP_EVERY, _SWEEP_MEMORY = 2, 0.7
_SWEEP_GATHERED, _SWEEP_NOW, _SWEEP_SLACK = (
    0.08,
    0.02,
    0.1,
)  # of merit: what a single view may pretend, 3 in a row do not
_LOST_REACH_M = 0.035  # a frame


def score_of(found: Fit, likeness: float) -> float:
    """The score in [0, 1].

    The share of what should be seen that depth confirms, times how well the mesh's colours are found
    again, in proportion to the level ``likeness`` that they had while the track was good. The mesh is the
    only reference: nothing learned from the images can certify a drift.
    """
    agreement = (found.evidence.likeness + _LIKENESS_FLOOR) / (likeness + _LIKENESS_FLOOR)
    return float(min(1.0, max(0.0, found.evidence.geometry * min(1.0, agreement))))


def first_estimate(model: ObjectModel, found: Fit | None, frame: Frame) -> Estimate:
    """The estimate of a registration, lost where nothing was found."""
    if found is None:
        return Estimate(None, 0.0, State.LOST, memory=Memory(captured_ns=frame.captured_ns).pack())
    likeness = found.evidence.likeness
    score = score_of(found, likeness)
    pose = found.placement.pose(model.center_m)
    memory = _trusted(Memory(captured_ns=frame.captured_ns), pose, score, likeness)
    return Estimate(pose, score, State.REGISTERED, memory=memory.pack())


def follow(model: ObjectModel, prior: Estimate, frame: Frame, images: FrameImages, renderer: Renderer) -> Estimate:
    """The object in the next frame.

    Args:
        model: The object.
        prior: Its last estimate, with a pose; without memory it is taken to rest.
        frame: The frame.
        images: The same frame's images.
        renderer: What draws.

    Raises:
        ValueError: The prior has no pose.
    """
    if prior.cam_from_obj is None:
        msg = "prior: expected a pose to follow, got none"
        raise ValueError(msg)
    memory = Memory.unpack(prior.memory)
    if memory is None:
        memory = Memory(rotation=prior.cam_from_obj.rotation, translation_m=prior.cam_from_obj.translation_m)
    if prior.state is State.LOST:
        return _search(model, memory, frame, images, renderer)
    seconds = gap_s(memory.captured_ns, frame.captured_ns)
    before = Placement.of(prior.cam_from_obj, model.center_m)
    found, score = _best(model, memory, before, predict(before, memory, seconds), images, renderer)
    if score < TRUSTED:
        found, score = _elsewhere(model, memory, found, score, images, renderer)
    if found is not None and model.wheel is not None and score >= LOST_SCORE:
        found, score, memory = _turned(model, memory, found, score, images, renderer)
    if found is None or (score < LOST_SCORE and memory.bad + 1 >= LOST_AFTER):
        if memory.bad + 1 >= LOST_AFTER:
            return _lost(replace(memory, captured_ns=frame.captured_ns, bad=memory.bad + 1, tries=0))
        return _unseen(prior, memory, frame)
    hidden = found.evidence.hidden > _HALF_HIDDEN
    turn, shift = velocity(before, found.placement, seconds, hidden=hidden)
    memory = replace(memory, captured_ns=frame.captured_ns, turn_rad_s=turn, shift_m_s=shift)
    pose = found.placement.pose(model.center_m)
    if score >= TRUSTED:
        memory = _trusted(memory, pose, score, found.evidence.likeness)
    else:
        memory = replace(memory, bad=memory.bad + 1 if score < LOST_SCORE else 0)
    return Estimate(pose, score, State.TRACKED, memory=memory.pack())


def _best(
    model: ObjectModel,
    memory: Memory,
    before: Placement,
    predicted: Placement,
    images: FrameImages,
    renderer: Renderer,
) -> tuple[Fit | None, float]:
    """The fit from the predicted pose; from the last and the last trusted pose too where it is in doubt."""
    best = fit(model, predicted, images, renderer)
    score = score_of(best, memory.likeness) if best else 0.0
    if score >= _DOUBT * memory.mean_score and best is not None:
        return best, score
    trusted = Placement.of(Pose(memory.rotation, memory.translation_m), model.center_m)
    for start in (before, trusted) if memory.bad else (before,):
        other = fit(model, start, images, renderer)
        if other is not None and (best is None or score_of(other, memory.likeness) > score):
            best, score = other, score_of(other, memory.likeness)
    return best, score


def _elsewhere(
    model: ObjectModel, memory: Memory, found: Fit | None, score: float, images: FrameImages, renderer: Renderer
) -> tuple[Fit | None, float]:
    """The best fit near the last trusted pose, where it is clearly better than the one at hand."""
    trusted = Placement.of(Pose(memory.rotation, memory.translation_m), model.center_m)
    other = relocate(model, trusted, memory.bad + 1, images, renderer, lambda it: score_of(it, memory.likeness))
    if other is None:
        return found, score
    better = score_of(other, memory.likeness)
    return (other, better) if better > max(_FOUND_SCORE, score + 0.1) else (found, score)


def _turned(
    model: ObjectModel, memory: Memory, found: Fit, score: float, images: FrameImages, renderer: Renderer
) -> tuple[Fit, float, Memory]:
    """The fit, turned about the axis of near-symmetry where frames in a row speak for another turn."""
    if model.wheel is None or memory.good % _SWEEP_EVERY:
        return found, score, memory
    merits = sweep(model.wheel, found.placement, images)
    turns = (_SWEEP_MEMORY * memory.turns + (merits - merits[0])).astype(np.float32)
    best = int(np.argmax(turns))
    if turns[best] > _SWEEP_GATHERED and merits[best] - merits[0] > _SWEEP_NOW:
        A, b = about(model.wheel.axis, 2 * np.pi * best / STEPS)
        start = Placement(found.placement.R @ A, found.placement.R @ b + found.placement.t)
        other = fit(model, start, images, renderer, coarse=False)
        if other is not None and score_of(other, memory.likeness) > score - _SWEEP_SLACK:
            again = sweep(model.wheel, other.placement, images)[0]
            if again > merits[0] + _SWEEP_NOW:
                turns = np.roll(turns, -best) - turns[best]
                return other, score_of(other, memory.likeness), replace(memory, turns=turns)
    return found, score, replace(memory, turns=turns)


def _unseen(prior: Estimate, memory: Memory, frame: Frame) -> Estimate:
    """A frame in which nothing of the object is to be seen: it stays where it was, with score 0."""
    still = Memory()
    memory = replace(
        memory,
        captured_ns=frame.captured_ns,
        bad=memory.bad + 1,
        turn_rad_s=still.turn_rad_s,
        shift_m_s=still.shift_m_s,
    )
    return Estimate(prior.cam_from_obj, 0.0, State.TRACKED, memory=memory.pack())


def _lost(memory: Memory) -> Estimate:
    still = Memory()
    memory = replace(memory, turn_rad_s=still.turn_rad_s, shift_m_s=still.shift_m_s)
    return Estimate(Pose(memory.rotation, memory.translation_m), 0.0, State.LOST, memory=memory.pack())


def _search(model: ObjectModel, memory: Memory, frame: Frame, images: FrameImages, renderer: Renderer) -> Estimate:
    """Look for a lost object near its last trusted pose, in every third frame."""
    memory = replace(memory, captured_ns=frame.captured_ns, tries=memory.tries + 1)
    if memory.tries % _TRY_EVERY != 1:
        return _lost(memory)
    trusted = Placement.of(Pose(memory.rotation, memory.translation_m), model.center_m)
    found = relocate(model, trusted, memory.tries, images, renderer, lambda it: score_of(it, memory.likeness))
    if found is None or score_of(found, memory.likeness) < _FOUND_SCORE:
        found = _anywhere(model, memory, trusted, images, renderer)
    if found is None or score_of(found, memory.likeness) < _FOUND_SCORE:
        return _lost(memory)
    score, pose = score_of(found, memory.likeness), found.placement.pose(model.center_m)
    memory = _trusted(replace(memory, tries=0), pose, score, found.evidence.likeness)
    return Estimate(pose, score, State.REGISTERED, memory=memory.pack())


def _anywhere(
    model: ObjectModel, memory: Memory, trusted: Placement, images: FrameImages, renderer: Renderer
) -> Fit | None:
    """The best registration of a piece of the scene that the object can have reached and that is alike."""
    reach_m = 0.5 * model.mesh.diameter_m + _LOST_REACH_M * (memory.tries + LOST_AFTER)
    fits = [
        found
        for segment in find_segments(model, trusted.t, reach_m, images, most=2)
        if (found := register(model, segment.mask, images, renderer)) is not None
        and np.linalg.norm(found.placement.t - trusted.t) < reach_m
    ]
    return max(fits, key=lambda it: score_of(it, memory.likeness)) if fits else None


def _trusted(memory: Memory, pose: Pose, score: float, likeness: float) -> Memory:
    """The memory after a frame whose pose is trusted."""
    share = 1.0 / min(memory.good + 1, _MEAN_FRAMES)
    return replace(
        memory,
        good=memory.good + 1,
        bad=0,
        mean_score=memory.mean_score + share * (score - memory.mean_score),
        likeness=memory.likeness + share * (likeness - memory.likeness),
        rotation=pose.rotation,
        translation_m=pose.translation_m,
    )
