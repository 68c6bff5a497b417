"""Following one object from frame to frame where there is no depth."""

from dataclasses import dataclass, replace

import numpy as np

from estimators.geometric.afresh_by_picture import can_be_at, looked_for, turned_afresh
from estimators.geometric.axis_turn import held_about_axis, sureness, turned_about_axis, unknown_about_axis
from estimators.geometric.covariance import covariance_of
from estimators.geometric.fit import Fit
from estimators.geometric.kalman import SIZE, corrected, first_spread, later
from estimators.geometric.learn_by_picture import backdrop_after, light_after, surroundings
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.motion import predict
from estimators.geometric.picture_score import agreeing
from estimators.geometric.picture_search import LEAST_ODDS, PART_ODDS, Found, PictureSearch, step_between
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.probation import DOUBTED_SCORE
from estimators.geometric.recall import recalled
from estimators.geometric.refine_by_picture import Held
from estimators.geometric.trust import TRUSTED, trusted
from estimators.rendering import Renderer
from schemas import Estimate, State
from schemas.arrays import Array

LOST_AFTER = 12
"""An object is lost after so many frames in a row in which nothing of it was seen."""
_DAMPING, _UNSEEN_DECAY = 0.95, 0.9
_SEEN_SCORE, _SEEN_ODDS, _LEARN_ODDS = 0.3, 0.2, 0.3  # the latter two of the usual odds
_UNLIKELY_ODDS = 0.5
_ENOUGH_ODDS = 0.5  # of the usual: fewer, and the pose is not trusted
_PART_TRUST = 0.3  # how far a part that shows is trusted at most
_WEIGHT = 0.3  # of what a step is said to know: its rows err together
_SEARCH_AFTER = 3
_WATCHED, _WATCHED_AT = 12, (12, 9, 5, 1)  # frames after a find, and when other turns are tried in them
_ANEW_EVERY, _ANEW_ODDS = 8, 0.3
_KNOWN_SPEED_AFTER = 6
_MEAN_SHARE, _FALLS_SLOWER = 0.1, 3
_SLOW_M_S = 0.1  # what is not seen may go on that fast at least
_WIDER = 3.0  # of the covariance: errors of mesh, light and lens are the same in all frames
_NEVER = 1e-6  # of a step's information where nothing is to be trusted


@dataclass(frozen=True, slots=True, eq=False)
class _Motion:
    """Where an object is predicted (12 numbers' covariance ``spread``) and what a frame may change of it."""

    predicted: Placement
    spread: Array
    memory: Memory

    @property
    def held(self) -> Held:
        return Held(self.predicted.R.copy(), self.predicted.t.copy(), np.linalg.inv(self.spread[:6, :6]))

    def begun(self, fit: Fit, memory: Memory) -> "_Motion":
        """The motion of an object that was found anew."""
        spread = first_spread()
        spread[:3, :3] += unknown_about_axis(fit.model.wheel, fit.placement)
        return _Motion(fit.placement, spread, replace(memory, turn_rad_s=np.zeros(3), shift_m_s=np.zeros(3)))


def followed_by_picture(
    model: ObjectModel,
    memory: Memory,
    state: State,
    before: Placement,
    seconds: float,
    images: FrameImages,
    renderer: Renderer,
) -> Estimate:
    """The object in the next frame.

    Args:
        model: The object.
        memory: What is remembered of it, with the time and number of this frame.
        state: What it was in the last frame.
        before: Where it was.
        seconds: Time since.
        images: The frame.
        renderer: What draws.
    """
    images = images.knowing(recalled(memory, images))
    motion = _predicted(model, memory, before, seconds)
    search = PictureSearch(model, memory, images, renderer, motion.held)
    found, motion = _sought(search, motion)
    memory = replace(motion.memory, probation=max(0, motion.memory.probation - 1))
    usual = max(memory.odds, LEAST_ODDS)
    if found is None or not _is_seen(found, usual):
        return _unseen(model, replace(motion, memory=memory))
    found, predicted = held_about_axis(search, motion.predicted, motion.spread[:3, :3], found)
    spread, memory = _moved(replace(motion, memory=memory, predicted=predicted), found, usual)
    found, memory = turned_about_axis(search, memory, found)
    again = state is State.LOST or memory.probation == _WATCHED - 1
    return _seen(model, memory, found, spread, images, State.REGISTERED if again else State.TRACKED)


def _is_seen(found: Found, usual: float) -> bool:
    """Whether a fit shows something of the object, if only a part beside what hides it."""
    return found.score >= _SEEN_SCORE or found.odds >= _SEEN_ODDS * usual or found.total >= PART_ODDS


def _predicted(model: ObjectModel, memory: Memory, before: Placement, seconds: float) -> _Motion:
    """Where the object should be by now."""
    spread = first_spread()
    if len(memory.spread) == 4 * SIZE * SIZE:
        spread = np.frombuffer(memory.spread, "<f4").astype(np.float64).reshape(SIZE, SIZE)
    speeds = None
    if memory.good >= _KNOWN_SPEED_AFTER:
        shift_m_s = max(memory.speed_m_s, float(np.linalg.norm(memory.shift_m_s)))
        speeds = (float(np.linalg.norm(memory.turn_rad_s)), shift_m_s)
    at = predict(before, memory, seconds, _DAMPING) if model.parts.prediction else before
    return _Motion(at, later(spread, seconds, _DAMPING, speeds), memory)


def _sought(search: PictureSearch, motion: _Motion) -> tuple[Found | None, _Motion]:
    """What is found near the predicted pose, or elsewhere, or turned another way, and the motion from there on."""
    parts, memory, found = search.model.parts, motion.memory, search.best()
    usual = max(memory.odds, LEAST_ODDS)
    if found is not None and memory.bad >= _SEARCH_AFTER and not can_be_at(search, found.fit.placement):
        found = None
    doubtful = found is None or found.odds < _UNLIKELY_ODDS * usual or found.score < _SEEN_SCORE
    if parts.recovery and (memory.probation > 0 or (doubtful and memory.bad >= _SEARCH_AFTER)):
        better = looked_for(search, found)
        if better is not None:
            found, far = better
            motion = motion.begun(found.fit, replace(memory, probation=_WATCHED) if far else memory)
    if found is not None and parts.restarts and _look_anew(motion.memory, found.odds / usual):
        other = turned_afresh(search, found)
        if other is not None:
            return other, motion.begun(other.fit, motion.memory)
    return found, motion


def _look_anew(memory: Memory, share: float) -> bool:
    """Whether other turns are to be tried: just after a find, and now and then; ``share`` is of the usual odds."""
    return memory.probation in _WATCHED_AT or (share > _ANEW_ODDS and memory.frames % _ANEW_EVERY == 0)


def _moved(motion: _Motion, found: Found, usual: float) -> tuple[Array, Memory]:
    """The covariance (12, 12) and the memory with the velocities after a look, as far as it is trusted."""
    memory, trust = motion.memory, min(1.0, found.score / TRUSTED) * min(1.0, max(0.0, found.odds) / usual)
    trust = max(trust, _PART_TRUST * min(1.0, max(0.0, found.total) / (2 * PART_ODDS)))
    information = found.fit.information.symmetric * (_WEIGHT * trust**2 + _NEVER)
    change, spread = corrected(motion.spread, information, step_between(motion.predicted, found.fit.placement))
    turn, shift = _DAMPING * memory.turn_rad_s + change[:3], _DAMPING * memory.shift_m_s + change[3:]
    return spread, replace(memory, turn_rad_s=turn, shift_m_s=shift, spread=spread.astype("<f4").tobytes())


def _seen(
    model: ObjectModel, memory: Memory, found: Found, spread: Array, images: FrameImages, state: State
) -> Estimate:
    """The estimate of a frame in which the object was seen."""
    fit, score = found.fit, found.score
    if memory.odds > 0:  # odds that are far from usual take from it
        score *= min(1.0, max(0.0, found.odds) / (_ENOUGH_ODDS * memory.odds))
    score *= sureness(model.wheel, fit.placement, spread[:3, :3])
    good = found.score >= TRUSTED and not memory.probation
    if memory.probation:
        score = min(score, DOUBTED_SCORE)
    pose = fit.placement.pose(model.center_m)
    memory = replace(memory, bad=0 if good else memory.bad + 1)
    if good:
        memory = trusted(memory, pose, found.score, fit.evidence)
        memory = replace(memory, odds=_usual_odds(memory, found.odds))
    if good or found.odds > _LEARN_ODDS * max(memory.odds, LEAST_ODDS):
        memory = remembering(model, memory, fit, images, sure=good)
    covariance = _WIDER * covariance_of(np.linalg.inv(spread[:6, :6]), fit.placement, model.center_m)
    return Estimate(pose, score, state, covariance, memory.pack())


def _usual_odds(memory: Memory, odds: float) -> float:
    """A running mean that falls slowly: a wrong pose must not become what is usual."""
    share = max(_MEAN_SHARE, 1 / memory.good)
    slow = share if odds > memory.odds or share > 2 * _MEAN_SHARE else share / _FALLS_SLOWER
    return memory.odds + slow * (odds - memory.odds)


def remembering(model: ObjectModel, memory: Memory, fit: Fit, images: FrameImages, *, sure: bool) -> Memory:
    """The memory with what a frame without depth shows of an object's surroundings and, where it is sure, the light."""
    known = images.known
    backdrop = backdrop_after(known.backdrop, images, fit, model.mesh.diameter_m).pack()
    if not sure:
        return replace(memory, backdrop=backdrop)
    light = light_after(fit.look, fit.placement, known.light, agreeing(fit.look, fit.placement, images))
    around = surroundings(fit.look, images, known.around)
    return replace(memory, backdrop=backdrop, around=around, light=light.pack() if light else b"")


def _unseen(model: ObjectModel, motion: _Motion) -> Estimate:
    """A frame in which nothing of the object is to be seen: it goes on as it went, slower and slower, with score 0."""
    memory = replace(motion.memory, bad=motion.memory.bad + 1, spread=motion.spread.astype("<f4").tobytes())
    lost = memory.bad >= LOST_AFTER
    left = 0.0 if lost else _UNSEEN_DECAY
    fast = float(np.linalg.norm(memory.shift_m_s)) / max(memory.speed_m_s, _SLOW_M_S)
    shift_m_s = memory.shift_m_s * (left / max(1.0, fast))  # what is half hidden seems to fly along the view
    memory = replace(memory, turn_rad_s=left * memory.turn_rad_s, shift_m_s=shift_m_s)
    pose = motion.predicted.pose(model.center_m)
    return Estimate(pose, 0.0, State.LOST if lost else State.TRACKED, memory=memory.pack())
