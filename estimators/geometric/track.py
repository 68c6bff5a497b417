"""Following one object from frame to frame: predict, fit, judge, and what to do when it is lost."""

from dataclasses import replace

import numpy as np

from estimators.geometric.alternatives import best_start, elsewhere, other_face, turned
from estimators.geometric.by_picture import seen_after
from estimators.geometric.colours import Colours
from estimators.geometric.fit import Fit, Placement
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.motion import gap_s, predict, velocity
from estimators.geometric.pictures import FrameImages
from estimators.geometric.probation import DOUBTED_SCORE, is_decoy, on_probation, watched
from estimators.geometric.score import Evidence, score_of
from estimators.rendering import Renderer
from schemas import Estimate, Frame, Pose, State
from schemas.arrays import Array

TRUSTED = 0.5
"""A pose with a lower score is not to be trusted."""
LOST_SCORE = 0.3
LOST_AFTER = 8
"""An object is lost after so many frames in a row below ``LOST_SCORE``."""
_SURE_CORNERS = 8
_BLIND_LOST_AFTER = 16  # frames in a row below ``TRUSTED`` without depth, where anything looks a little like anything
_TRY_EVERY, _TRY_ALWAYS = 2, 6
_MEAN_FRAMES, _FALLS_SLOWER = 15, 6
_HALF_HIDDEN, _CONTRADICTED, _HIDDEN_EVERY = 0.5, 0.05, 4
_DOUBT = 0.6  # of the usual score: below, the object is looked for elsewhere too
_UNSEEN_DECAY = 0.9
_LONG_FRAMES = 10


def first_estimate(model: ObjectModel, found: Fit | None, frame: Frame) -> Estimate:
    """The estimate of a registration, lost where nothing was found."""
    if found is None:
        return Estimate(None, 0.0, State.LOST, memory=Memory(captured_ns=frame.captured_ns).pack())
    score = score_of(found.evidence, Memory(likeness=found.evidence.likeness))
    pose = found.placement.pose(model.center_m)
    memory = _trusted(Memory(captured_ns=frame.captured_ns), pose, score, found.evidence)
    return Estimate(pose, score, State.REGISTERED, found.covariance, memory.pack())


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
    seconds = gap_s(memory.captured_ns, frame.captured_ns)
    memory = replace(memory, captured_ns=frame.captured_ns, frames=memory.frames + 1)
    images = images.beside(Colours.unpack(memory.seen), depth=model.parts.depth)
    before = Placement.of(prior.cam_from_obj, model.center_m)
    if prior.state is State.LOST:
        return _search(model, memory, images, renderer)
    predicted = predict(before, memory, seconds) if model.parts.prediction else before
    found, score = best_start(model, memory, before, predicted, images, renderer)
    far: Fit | None = None
    if model.parts.recovery and _search_due(memory, found, score):
        far = elsewhere(model, memory, predicted, score, images, renderer)
        found, score = (far, score_of(far.evidence, memory)) if far else (found, score)
    if found is None or score < LOST_SCORE:
        return _unseen(memory, predicted.pose(model.center_m))
    found, score, memory = other_face(model, memory, found, score, images, renderer)
    found, score, memory = turned(model, memory, found, score, images, renderer)
    after = _tracked(model, memory, before, found, score, seconds, jumped=far is not None)
    return _learned(after, found, images) if after.score >= TRUSTED and not images.sees_depth else after


def _learned(estimate: Estimate, found: Fit, images: FrameImages) -> Estimate:
    """The estimate, remembering what the object and its surroundings look like in this frame."""
    memory, seen = Memory.unpack(estimate.memory), seen_after(found.look, images)
    if memory is None or seen is None:
        return estimate
    return replace(estimate, memory=replace(memory, seen=seen.pack()).pack())


def _search_due(memory: Memory, found: Fit | None, score: float) -> bool:
    """Whether to look elsewhere: at once where depth contradicts the pose, now and then where it is merely hidden."""
    if found is None or score < LOST_SCORE or (score < TRUSTED and found.evidence.wrong > _CONTRADICTED):
        return True
    if found.blind and score < TRUSTED and memory.frames % _TRY_EVERY == 0:
        return True
    return score < max(TRUSTED, _DOUBT * memory.mean_score) and memory.frames % _HIDDEN_EVERY == 0


def _tracked(
    model: ObjectModel, memory: Memory, before: Placement, found: Fit, score: float, seconds: float, *, jumped: bool
) -> Estimate:
    """The estimate of a frame in which the object was seen."""
    hidden = found.evidence.hidden > _HALF_HIDDEN
    turn, shift = velocity(before, found.placement, seconds, hidden=hidden)
    if jumped:
        turn, shift = np.zeros(3), _way(model, memory, found, seconds)
        memory = on_probation(model, memory, found.placement)
    else:
        memory = watched(memory, shift)
    bad = 0
    if (
        found.blind and score < TRUSTED and found.corners < _SURE_CORNERS
    ):  # an outline alone may slip far: motion is believed more
        turn, shift = _UNSEEN_DECAY * memory.turn_rad_s, _UNSEEN_DECAY * memory.shift_m_s
        bad = memory.bad + 1
    memory = replace(memory, turn_rad_s=turn, shift_m_s=shift, bad=bad)
    if bad >= _BLIND_LOST_AFTER:
        return _lost(replace(memory, tries=0))
    if is_decoy(memory):
        return _lost(replace(memory, probation=0, tries=0))
    pose = found.placement.pose(model.center_m)
    if memory.probation:
        doubted = min(score, DOUBTED_SCORE)
        return Estimate(pose, doubted, State.TRACKED, found.covariance, memory.pack())
    if score >= TRUSTED:
        memory = _trusted(memory, pose, score, found.evidence)
    elif found.evidence.wrong < _CONTRADICTED and not jumped:  # half hidden, but where it should be
        memory = replace(memory, trusted_frame=memory.frames, rotation=pose.rotation, translation_m=pose.translation_m)
    return Estimate(pose, score, State.TRACKED, found.covariance, memory.pack())


def _way(model: ObjectModel, memory: Memory, found: Fit, seconds: float) -> Array:
    """(3,) metres a second from the last trusted place to where the object was found; 0 after a long time."""
    frames = memory.frames - memory.trusted_frame
    if frames > _LONG_FRAMES:
        return np.zeros(3)
    return (found.placement.t - memory.rotation @ model.center_m - memory.translation_m) / (frames * seconds)


def _unseen(memory: Memory, predicted: Pose) -> Estimate:
    """A frame in which nothing of the object is to be seen: it goes on as it went, slower and slower, with score 0."""
    turn, shift = _UNSEEN_DECAY * memory.turn_rad_s, _UNSEEN_DECAY * memory.shift_m_s
    memory = replace(memory, bad=memory.bad + 1, turn_rad_s=turn, shift_m_s=shift)
    if memory.bad >= LOST_AFTER:
        return _lost(replace(memory, tries=0))
    return Estimate(predicted, 0.0, State.TRACKED, memory=memory.pack())


def _lost(memory: Memory) -> Estimate:
    memory = replace(memory, turn_rad_s=np.zeros(3), shift_m_s=np.zeros(3))
    return Estimate(Pose(memory.rotation, memory.translation_m), 0.0, State.LOST, memory=memory.pack())


def _search(model: ObjectModel, memory: Memory, images: FrameImages, renderer: Renderer) -> Estimate:
    """Look for a lost object near its last trusted pose; after the first frames in every second one."""
    memory = replace(memory, tries=memory.tries + 1)
    if not model.parts.recovery or (memory.tries > _TRY_ALWAYS and memory.tries % _TRY_EVERY != 1):
        return _lost(memory)
    trusted = Placement.of(Pose(memory.rotation, memory.translation_m), model.center_m)
    found = elsewhere(model, memory, trusted, 0.0, images, renderer)
    if found is None:
        return _lost(memory)
    score, pose = score_of(found.evidence, memory), found.placement.pose(model.center_m)
    memory = on_probation(model, replace(memory, tries=0, bad=0), found.placement)
    if memory.probation:
        return Estimate(pose, min(score, DOUBTED_SCORE), State.REGISTERED, found.covariance, memory.pack())
    memory = _trusted(memory, pose, score, found.evidence)
    return Estimate(pose, score, State.REGISTERED, found.covariance, memory.pack())


def _trusted(memory: Memory, pose: Pose, score: float, evidence: Evidence) -> Memory:
    """The memory after a frame whose pose is trusted."""
    share = 1.0 / min(memory.good + 1, _MEAN_FRAMES)
    speed = float(np.linalg.norm(memory.shift_m_s))
    return replace(
        memory,
        good=memory.good + 1,
        trusted_frame=memory.frames,
        mean_score=_usual(memory.mean_score, score, share),
        likeness=_usual(memory.likeness, evidence.likeness, share),
        tone=memory.tone + share * (np.array(evidence.tone) - memory.tone),
        speed_m_s=memory.speed_m_s + share * (speed - memory.speed_m_s),
        rotation=pose.rotation,
        translation_m=pose.translation_m,
    )


def _usual(before: float, now: float, share: float) -> float:
    """A running mean that falls slowly: a wrong pose must not become what is usual."""
    slow = share if now > before or share > 2 / _MEAN_FRAMES else share / _FALLS_SLOWER
    return before + slow * (now - before)
