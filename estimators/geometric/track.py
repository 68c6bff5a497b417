"""Following one object from frame to frame: predict, fit, judge, and what to do when it is lost."""

from dataclasses import replace

import numpy as np

from estimators.geometric.alternatives import afresh, best_start, turned
from estimators.geometric.declared import without_free
from estimators.geometric.doubt import half_hidden, looked_about, seen, unsure
from estimators.geometric.elsewhere import Search, elsewhere
from estimators.geometric.ends import other_end
from estimators.geometric.faces import other_face
from estimators.geometric.fit import Fit, fit
from estimators.geometric.given import with_offset
from estimators.geometric.hidden import hidden_at
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.motion import gap_s, predict, velocity
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.probation import DOUBTED_SCORE, is_decoy, on_probation, watched
from estimators.geometric.rivals import decided
from estimators.geometric.scene import learned
from estimators.geometric.track_by_picture import followed_by_picture
from estimators.geometric.trust import TRUSTED, trusted
from estimators.rendering import Renderer
from schemas import Estimate, Frame, Pose, State
from schemas.arrays import Array

LOST_AFTER = 8
"""An object is lost after so many frames in a row below ``LOST_SCORE``."""
_TRY_EVERY, _TRY_ALWAYS = 2, 6
_UNSEEN_DECAY = 0.9
_LONG_FRAMES = 10
_SCENE_EVERY, _SCENE_FIRST = 2, 10


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
    images = images.used(depth=model.parts.depth)
    if not images.sees_depth:
        return followed_by_picture(model, memory, state, before, seconds, images, renderer)
    if state is State.LOST:
        return _search(model, memory, images, renderer)
    predicted = predict(before, memory, seconds) if model.parts.prediction else before
    found, score = best_start(model, memory, before, predicted, images, renderer)
    jumped = False
    if model.parts.restarts and unsure(memory, before, found, score, seconds):
        search = Search.of(model, memory, images, renderer)
        found, score, jumped = looked_about(search, before, predicted, found, score, seconds)
    memory = _scene(model, memory, found.placement if found else predicted, score, images)
    if found is None or not seen(found, score):
        search = Search.of(model, memory, images, renderer)
        return _unseen(memory, hidden_at(search, predicted, seconds).pose(model.center_m))
    turn, shift = velocity(memory, before, found.placement, seconds, trust=min(1.0, score / TRUSTED))
    turn = without_free(turn, found.placement.R, model.free)
    moved = replace(memory, turn_rad_s=turn, shift_m_s=shift)  # what sets a wrong pose right below is no motion
    found, score, memory = _corrected(model, moved, found, score, images, renderer)
    return _tracked(model, memory, found, score, seconds, jumped=jumped)


def _corrected(
    model: ObjectModel, memory: Memory, found: Fit, score: float, images: FrameImages, renderer: Renderer
) -> tuple[Fit, float, Memory]:
    """The fit or a better one of the same object, turned or registered anew, its score and the memory."""
    found, score, memory = afresh(model, memory, found, score, images, renderer)
    found, score, memory = other_face(model, memory, found, score, images, renderer)
    found, score, memory = other_end(model, memory, found, score, images, renderer)
    found, score, memory = turned(model, memory, found, score, images, renderer)
    if score >= TRUSTED:
        found, memory = decided(model, memory, found, images, renderer)
    return found, score, memory


def _scene(model: ObjectModel, memory: Memory, at: Placement, score: float, images: FrameImages) -> Memory:
    """The memory with what stands still about a trusted object, and about any at first, when nothing is known."""
    first = memory.frames <= _SCENE_FIRST
    if not first and (score < TRUSTED or memory.frames % _SCENE_EVERY):
        return memory
    return replace(memory, scene=learned(memory.scene, images, at, model.mesh.diameter_m))


def _tracked(model: ObjectModel, memory: Memory, found: Fit, score: float, seconds: float, *, jumped: bool) -> Estimate:
    """The estimate of a frame in which the object was seen."""
    if jumped:
        shift = _way(model, memory, found, seconds)
        memory = on_probation(model, memory, found.placement)
        memory = replace(memory, turn_rad_s=np.zeros(3), shift_m_s=shift)
    else:
        memory = watched(memory, memory.shift_m_s)
    memory = replace(memory, bad=0) if memory.bad else memory  # a copy takes 14 us
    if is_decoy(memory):
        return _lost(replace(memory, probation=0, tries=0))
    pose = found.placement.pose(model.center_m)
    if memory.probation:
        doubted = min(score, DOUBTED_SCORE)
        return Estimate(pose, doubted, State.TRACKED, found.covariance, memory.pack())
    if score >= TRUSTED:
        memory = trusted(memory, pose, score, found.evidence)
    elif memory.trusted_frame == memory.frames - 1 and not jumped and half_hidden(found, score):
        memory = replace(memory, trusted_frame=memory.frames, rotation=pose.rotation, translation_m=pose.translation_m)
    return Estimate(pose, score, State.TRACKED, found.covariance, memory.pack())


def _way(model: ObjectModel, memory: Memory, found: Fit, seconds: float) -> Array:
    """(3,) metres a second from the last trusted place to where the object was found; 0 after a long time."""
    frames = memory.frames - memory.trusted_frame
    if frames > _LONG_FRAMES:
        return np.zeros(3)
    return (found.placement.t - memory.rotation @ model.center_m - memory.translation_m) / (frames * seconds)


def _unseen(memory: Memory, supposed: Pose) -> Estimate:
    """A frame in which nothing of the object is to be seen: it goes on as it went, slower and slower, with score 0."""
    turn, shift = _UNSEEN_DECAY * memory.turn_rad_s, _UNSEEN_DECAY * memory.shift_m_s
    memory = replace(memory, bad=memory.bad + 1, turn_rad_s=turn, shift_m_s=shift)
    if memory.bad >= LOST_AFTER:
        return _lost(replace(memory, tries=0))
    return Estimate(supposed, 0.0, State.TRACKED, memory=memory.pack())


def _lost(memory: Memory) -> Estimate:
    memory = replace(memory, turn_rad_s=np.zeros(3), shift_m_s=np.zeros(3))
    return Estimate(Pose(memory.rotation, memory.translation_m), 0.0, State.LOST, memory=memory.pack())


def _search(model: ObjectModel, memory: Memory, images: FrameImages, renderer: Renderer) -> Estimate:
    """Look for a lost object about its last trusted pose, after the first frames only there in every second one."""
    memory = replace(memory, tries=memory.tries + 1)
    last = Placement.of(Pose(memory.rotation, memory.translation_m), model.center_m)
    search = Search.of(model, memory, images, renderer)
    due = model.parts.recovery and (memory.tries <= _TRY_ALWAYS or memory.tries % _TRY_EVERY == 1)
    found = elsewhere(search, last, 0.0) if due else fit(model, last, images, renderer)
    if found is None or search.value(found) < TRUSTED:
        return _lost(memory)
    score, pose = search.value(found), found.placement.pose(model.center_m)
    memory = on_probation(model, replace(memory, tries=0, bad=0), found.placement)
    if memory.probation:
        return Estimate(pose, min(score, DOUBTED_SCORE), State.REGISTERED, found.covariance, memory.pack())
    memory = trusted(memory, pose, score, found.evidence)
    return Estimate(pose, score, State.REGISTERED, found.covariance, memory.pack())
