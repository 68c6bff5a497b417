"""The turn about an axis of near-symmetry where there is no depth: what tells it is a small part, often hidden."""

from dataclasses import replace
from math import erf, sqrt

import numpy as np

from estimators.geometric.information import symmetric
from estimators.geometric.memory import Memory
from estimators.geometric.motion import rotation_vector
from estimators.geometric.picture_search import SCORE, Found, PictureSearch
from estimators.geometric.placement import Placement
from estimators.geometric.sweep import STEPS, Wheel, about
from schemas.arrays import Array

_STEP_RAD = 2 * np.pi / STEPS
_SHOWN, _CORRECTED = 2.0, 4.0  # of the logarithm of odds: a turn that makes the frame so much likelier is seen
_RIGHT_RAD, _UNTOLD_RAD = np.radians(20.0), np.radians(30.0)
_TEXTURE = 0.3  # of what it is said to know: its rows err together
_NEARBY_RAD, _HERE = _STEP_RAD * np.arange(-4, 5), 4
_LARGEST_RAD = np.radians(60.0)  # between two frames; what turned farther was found anew
_SWEEP_MEMORY, _SWEEP_SLIP = 0.85, 1
# of the same: what light and lens make of a turn that is wrong (more where there is texture), the most that counts of
# a frame, what is enough, and that of the second look
_SWEEP_NOW, _SWEEP_BIAS, _SWEEP_MOST, _SWEEP_GATHERED, _SWEEP_SURE = 1.0, 16.0, 8.0, 10.0, 4.0


def held_about_axis(
    search: PictureSearch, predicted: Placement, spread: Array, found: Found
) -> tuple[Found, Placement]:
    """A find that is turned about the axis of near-symmetry only as far as the frame's pixels tell.

    Lines across the outline of a round body, and its shading, should not move when it turns; what they are wrong by
    is taken for a turn, the same way in every frame. The odds of pixels have no such preference: where they are
    equal for turns either way, the turn stays as it was predicted, and where they tell another one nearby it is
    fitted from there.

    Args:
        search: Of the frame.
        predicted: Where the object was predicted, or found anew.
        spread: (3, 3) covariance of that turn, radians, camera's axes.
        found: What was fitted.

    Returns:
        The find, and the predicted placement with the turn that it should have had: what is set right did not move.
    """
    wheel, at = search.model.wheel, found.fit.placement
    if wheel is None or not search.model.parts.turns or abs(_turn(wheel, predicted, at)) > _LARGEST_RAD:
        return found, predicted
    axis, turn = at.R @ wheel.axis.direction, _turn(wheel, predicted, at)
    known = 1 / float(axis @ spread @ axis)
    odds = search.odds([at.after(*about(wheel.axis, angle)) for angle in [*_NEARBY_RAD, -turn]])
    other = _likelier_nearby(search, found, turn, known, odds[:-1])
    if other is not None:
        right = predicted.after(*about(wheel.axis, _turn(wheel, predicted, other.fit.placement)))
        return _turned(other, wheel, 0.0, known + _texture_tells(other, wheel)), right
    here = odds[_HERE]
    told = 2 * max(0.0, here - max(odds[_HERE - 1], odds[_HERE + 1])) / _STEP_RAD**2 + _texture_tells(found, wheel)
    share = 1.0 if here - odds[-1] > _SHOWN else told / (told + known)
    return _turned(found, wheel, (share - 1.0) * turn, told), predicted


def _likelier_nearby(search: PictureSearch, found: Found, turn: float, known: float, odds: Array) -> Found | None:
    """A fit of another turn that is clearly likelier; None where there is none.

    Args:
        search: Of the frame.
        found: What was fitted.
        turn: Radians from the predicted turn to that.
        known: Information about the turn beforehand.
        odds: (9,) of the turns nearby.
    """
    wheel, here = search.model.wheel, odds[_HERE]
    likely = odds - here - 0.5 * known * ((turn + _NEARBY_RAD) ** 2 - turn**2)
    best = int(np.argmax(likely))
    if wheel is None or likely[best] <= _CORRECTED or odds[best] <= here + _CORRECTED:
        return None
    other = _fitted(search, found.fit.placement.after(*about(wheel.axis, _NEARBY_RAD[best])))
    return other if other is not None and search.odds([other.fit.placement])[0] > here + _SHOWN else None


def _turned(found: Found, wheel: Wheel, angle: float, told: float) -> Found:
    """A find turned about the axis by so many radians, with ``told`` as what its step knew of that turn."""
    at, information = found.fit.placement, found.fit.information
    whole = _about_axis(information.symmetric, wheel, at, told)
    moved = at.after(*about(wheel.axis, angle))
    return replace(found, fit=replace(found.fit, placement=moved, information=replace(information, whole=whole)))


def _texture_tells(found: Found, wheel: Wheel) -> float:
    """Information about the turn, with all else known."""
    lower, way = found.fit.information.by_texture, _way(wheel, found.fit.placement)
    return _TEXTURE * float(way @ symmetric(lower) @ way)


def _way(wheel: Wheel, at: Placement) -> Array:
    """(6,) a turn by a radian about the axis, as one about the centre and a shift, camera's axes."""
    turn, aside = at.R @ wheel.axis.direction, at.R @ wheel.axis.origin
    return np.concatenate([turn, np.cross(aside, turn)])


def _turn(wheel: Wheel, one: Placement, other: Placement) -> float:
    """Radians about the axis from one placement to another."""
    return float(rotation_vector(one.R.T @ other.R) @ wheel.axis.direction)


def _fitted(search: PictureSearch, start: Placement) -> Found | None:
    fitted = search.fit(start)
    return None if fitted is None else search.judged(fitted)


def sureness(wheel: Wheel | None, at: Placement, spread: Array) -> float:
    """Chance that the turn about the axis of near-symmetry is right within 20 degrees; 1 without such an axis.

    Args:
        wheel: The object's.
        at: Where it is.
        spread: (3, 3) covariance of its turn, radians, camera's axes.
    """
    if wheel is None:
        return 1.0
    axis = at.R @ wheel.axis.direction
    return erf(_RIGHT_RAD / sqrt(2 * float(axis @ spread @ axis)))


def unknown_about_axis(wheel: Wheel | None, at: Placement) -> Array:
    """(3, 3) covariance of a turn about the axis that nothing has told, radians, camera's axes; 0 without an axis."""
    axis = np.zeros(3) if wheel is None else at.R @ wheel.axis.direction
    return _UNTOLD_RAD**2 * np.outer(axis, axis)


def _about_axis(information: Array, wheel: Wheel, at: Placement, told: float) -> Array:
    """(6, 6) information with ``told`` in place of what it says of the turn about the axis."""
    way = _way(wheel, at)
    there = information @ way
    row = np.concatenate([way[:3], np.zeros(3)])
    return information - np.outer(there, there) / max(float(way @ there), 1e-9) + told * np.outer(row, row)


def turned_about_axis(search: PictureSearch, memory: Memory, found: Found) -> tuple[Found, Memory]:
    """The fit, turned about the axis of near-symmetry where frames in a row speak for another turn."""
    model, at = search.model, found.fit.placement
    if not model.parts.turns or model.wheel is None:
        return found, memory
    turned = [at.after(*about(model.wheel.axis, 2 * np.pi * k / STEPS)) for k in range(STEPS)]
    merits = search.odds(turned)
    # while nothing shows the turn the pose slips about the axis: what was gathered belongs to a turn nearby by now
    slipped = np.max([np.roll(memory.turns, shift) for shift in range(-_SWEEP_SLIP, _SWEEP_SLIP + 1)], axis=0)
    merits -= merits[0]
    bias = _SWEEP_NOW + _SWEEP_BIAS * model.wheel.colour_share
    # never below 0: a turn that was unlikely while another was held may be the true one now (Page 1954)
    turns = np.maximum(0.0, _SWEEP_MEMORY * slipped + np.clip(merits - bias, -_SWEEP_MOST, _SWEEP_MOST))
    best = int(np.argmax(np.where(turns > _SWEEP_GATHERED, merits, -np.inf)))
    if turns[best] > _SWEEP_GATHERED and merits[best] > bias:
        other = _fitted(search, turned[best])
        turns = np.zeros(STEPS)  # what was gathered is of the turn before, or a second look says no
        if other is not None and _is_likelier(search, other, found):
            found = other
    return found, replace(memory, turns=turns.astype(np.float32))


def _is_likelier(search: PictureSearch, other: Found, found: Found) -> bool:
    """Whether the whole picture, edges and texture too, speaks for another turn."""
    here, there = search.odds([found.fit.placement, other.fit.placement])
    return bool(there > here and there - here + SCORE * (other.score - found.score) > _SWEEP_SURE)
