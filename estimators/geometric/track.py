"""Following one object from frame to frame: predict, fit, judge, and what to do when it is lost."""

from dataclasses import replace

import numpy as np

from estimators.geometric.alternatives import afresh, best_start, other_face, turned
from estimators.geometric.by_picture import seen_after
from estimators.geometric.colours import Colours
from estimators.geometric.elsewhere import Search, elsewhere, nearby
from estimators.geometric.fit import Fit, Placement, fit
from estimators.geometric.given import measured, with_offset
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.motion import gap_s, predict, velocity
from estimators.geometric.pictures import FrameImages
from estimators.geometric.probation import DOUBTED_SCORE, MOVING_M_S, is_decoy, on_probation, watched
from estimators.geometric.register import Registration
from estimators.geometric.rivals import decided, steps_to
from estimators.geometric.scene import learned
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
_CONTRADICTED, _HIDDEN_EVERY = 0.05, 4
_NEARBY_DOUBT = 0.35  # a score below which all places about the predicted one are tried
_GLIMPSE, _GLIMPSE_WRONG, _COLOURED = 0.12, 0.03, 0.55
_DOUBT = 0.6  # of the usual score: below, the object is looked for elsewhere too
_UNSEEN_DECAY = 0.9
_LONG_FRAMES = 10
_SCENE_EVERY, _SCENE_FIRST = 2, 10
_UNSEEN_EVERY = 3
_STANDS, _OFF_WAY = 0.5, 2.0  # of its usual speed; of the way of a frame


def first_estimate(model: ObjectModel, found: Registration | None, frame: Frame) -> Estimate:
    """The estimate of a registration, lost where nothing was found."""
    if found is None:
        return Estimate(None, 0.0, State.LOST, memory=Memory(captured_ns=frame.captured_ns).pack())
    evidence, at = found.fit.evidence, found.fit.placement
    score = score_of(evidence, Memory(likeness=evidence.likeness))
    pose = at.pose(model.center_m)
    memory = _trusted(Memory(captured_ns=frame.captured_ns), pose, score, evidence)
    memory = replace(memory, rivals=steps_to(at, found.rivals), rivals_view=at.view)
    return Estimate(pose, score, State.REGISTERED, found.fit.covariance, memory.pack())


def adopted(model: ObjectModel, given: Pose, frame: Frame, images: FrameImages, renderer: Renderer) -> Estimate:
    """The estimate of a frame in which the pose is known from outside: that pose, and how well the frame shows it."""
    memory = Memory(captured_ns=frame.captured_ns, rotation=given.rotation, translation_m=given.translation_m)
    at, images = Placement.of(given, model.center_m), images.beside(None, depth=model.parts.depth)
    found = fit(model, at, images, renderer, coarse=False)
    if found is None:
        return Estimate(given, 0.0, State.REGISTERED, memory=memory.pack())
    score = score_of(found.evidence, Memory(likeness=found.evidence.likeness))
    if score >= TRUSTED:
        memory = _trusted(memory, found.placement.pose(model.center_m), score, found.evidence)
        memory = measured(memory, at, found, model.mesh.diameter_m)
    estimate = Estimate(given, score, State.REGISTERED, found.covariance, memory.pack())
    return _learned(estimate, found, images) if score >= TRUSTED and not images.sees_depth else estimate


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
    reported = Placement.of(prior.cam_from_obj, model.center_m)
    found = _followed(model, memory, prior.state, with_offset(memory, reported, -1.0), frame, images, renderer)
    if found.cam_from_obj is None or not memory.offset.any():
        return found
    shown = with_offset(memory, Placement.of(found.cam_from_obj, model.center_m))
    return replace(found, cam_from_obj=shown.pose(model.center_m))


def _followed(
    model: ObjectModel,
    memory: Memory,
    state: State,
    before: Placement,
    frame: Frame,
    images: FrameImages,
    renderer: Renderer,
) -> Estimate:
    seconds = gap_s(memory.captured_ns, frame.captured_ns)
    memory = replace(memory, captured_ns=frame.captured_ns, frames=memory.frames + 1)
    images = images.beside(Colours.unpack(memory.seen), depth=model.parts.depth)
    if state is State.LOST:
        return _search(model, memory, images, renderer)
    predicted = predict(before, memory, seconds) if model.parts.prediction else before
    found, score = best_start(model, memory, before, predicted, images, renderer)
    jumped = False
    if model.parts.restarts and _in_doubt(memory, before, found, score, seconds):
        search = Search.of(model, memory, images, renderer)
        found, score, jumped = _looked_about(search, before, predicted, found, seconds)
    memory = _scene(model, memory, found.placement if found else predicted, score, images)
    if found is None or not _seen(found, score):
        return _unseen(memory, predicted.pose(model.center_m))
    turn, shift = velocity(memory, before, found.placement, seconds, trust=min(1.0, score / TRUSTED))
    moved = replace(memory, turn_rad_s=turn, shift_m_s=shift)  # what sets a wrong pose right below is no motion
    found, score, memory = _corrected(model, moved, found, score, images, renderer)
    after = _tracked(model, memory, found, score, seconds, jumped=jumped)
    return _learned(after, found, images) if after.score >= TRUSTED and not images.sees_depth else after


def _corrected(
    model: ObjectModel, memory: Memory, found: Fit, score: float, images: FrameImages, renderer: Renderer
) -> tuple[Fit, float, Memory]:
    """The fit or a better one of the same object, turned or registered anew, its score and the memory."""
    found, score, memory = afresh(model, memory, found, score, images, renderer)
    found, score, memory = other_face(model, memory, found, score, images, renderer)
    found, score, memory = turned(model, memory, found, score, images, renderer)
    if score >= TRUSTED:
        found, memory = decided(model, memory, found, images, renderer)
    return found, score, memory


def _looked_about(
    search: Search, before: Placement, predicted: Placement, found: Fit | None, seconds: float
) -> tuple[Fit | None, float, bool]:
    """The fit or a better one from another place, its score, and whether it is off the object's way."""
    memory = search.memory
    score, jumped = search.value(found) if found else 0.0, False
    near = nearby(search, predicted, found, seconds) if score < _NEARBY_DOUBT and search.images.sees_depth else None
    if near is not None:
        jumped = _apart_m(near.placement, predicted) > _OFF_WAY * _apart_m(predicted, before)
        found, score = near, search.value(near)
    if search.model.parts.recovery and _search_due(memory, found, score):
        far = elsewhere(search, predicted, score)
        if far is not None:
            found, score, jumped = far, search.value(far), True
    return found, score, jumped


def _apart_m(one: Placement, other: Placement) -> float:
    return float(np.linalg.norm(one.t - other.t))


def _scene(model: ObjectModel, memory: Memory, at: Placement, score: float, images: FrameImages) -> Memory:
    """The memory with what stands still about a trusted object, and about any at first, when nothing is known."""
    first = memory.frames <= _SCENE_FIRST
    if not first and (score < TRUSTED or memory.frames % _SCENE_EVERY):
        return memory
    return replace(memory, scene=learned(memory.scene, images, at, model.mesh.diameter_m))


def _in_doubt(memory: Memory, before: Placement, found: Fit | None, score: float, seconds: float) -> bool:
    """Whether other places are to be looked at: the score is low, or what was moving stands still."""
    if found is None or score < max(TRUSTED, _DOUBT * memory.mean_score):
        return True
    way_m = _apart_m(found.placement, before)
    return memory.speed_m_s > MOVING_M_S and way_m < _STANDS * memory.speed_m_s * seconds


def _learned(estimate: Estimate, found: Fit, images: FrameImages) -> Estimate:
    """The estimate, remembering what the object and its surroundings look like in this frame."""
    memory, seen = Memory.unpack(estimate.memory), seen_after(found.look, images)
    if memory is None or seen is None:
        return estimate
    return replace(estimate, memory=replace(memory, seen=seen.pack()).pack())


def _search_due(memory: Memory, found: Fit | None, score: float) -> bool:
    """Whether to look elsewhere: at once where depth contradicts the pose, now and then where it is hidden."""
    if found is None or not _seen(found, score):
        return memory.bad % _UNSEEN_EVERY == _UNSEEN_EVERY - 1
    if score < TRUSTED and found.evidence.wrong > _CONTRADICTED:
        return True
    if found.blind and score < TRUSTED and memory.frames % _TRY_EVERY == 0:
        return True
    return score < max(TRUSTED, _DOUBT * memory.mean_score) and memory.frames % _HIDDEN_EVERY == 0


def _seen(found: Fit, score: float) -> bool:
    """Whether a fit is worth following: a glimpse of a hidden object is, where nothing speaks against it."""
    return score >= LOST_SCORE or (
        score >= _GLIMPSE and found.evidence.wrong < _GLIMPSE_WRONG and _coloured_right(found, score)
    )


def _half_hidden(found: Fit, score: float) -> bool:
    """Whether the score is low for what hides the object alone."""
    return score >= LOST_SCORE and found.evidence.wrong < _CONTRADICTED and _coloured_right(found, score)


def _coloured_right(found: Fit, score: float) -> bool:
    """Whether it is not the colours that keep the score low."""
    return score >= _COLOURED * found.evidence.geometry


def _tracked(model: ObjectModel, memory: Memory, found: Fit, score: float, seconds: float, *, jumped: bool) -> Estimate:
    """The estimate of a frame in which the object was seen."""
    turn, shift = memory.turn_rad_s, memory.shift_m_s
    if jumped:
        turn, shift = np.zeros(3), _way(model, memory, found, seconds)
        memory = on_probation(model, memory, found.placement)
    else:
        memory = watched(memory, shift)
    bad = 0
    if found.blind and score < TRUSTED and found.corners < _SURE_CORNERS:
        # an outline alone may slip far: motion is believed more
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
    elif memory.trusted_frame == memory.frames - 1 and not jumped and _half_hidden(found, score):
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
    """Look for a lost object about its last trusted pose, after the first frames only there in every second one."""
    memory = replace(memory, tries=memory.tries + 1)
    trusted = Placement.of(Pose(memory.rotation, memory.translation_m), model.center_m)
    search = Search.of(model, memory, images, renderer)
    due = model.parts.recovery and (memory.tries <= _TRY_ALWAYS or memory.tries % _TRY_EVERY == 1)
    found = elsewhere(search, trusted, 0.0) if due else fit(model, trusted, images, renderer)
    if found is None or search.value(found) < TRUSTED:
        return _lost(memory)
    score, pose = search.value(found), found.placement.pose(model.center_m)
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
