"""The turn about an axis of near-symmetry where there is no depth: what tells it is a small part, often hidden."""

from dataclasses import replace

import numpy as np

from estimators.geometric.memory import Memory
from estimators.geometric.motion import rotation_vector
from estimators.geometric.picture_search import Found, PictureSearch
from estimators.geometric.placement import Placement
from estimators.geometric.sweep import STEPS, Wheel, about
from schemas.arrays import Array

_STEP_RAD = 2 * np.pi / STEPS
_SHOWN = 2.0  # of the logarithm of odds: a turn that makes the frame so much likelier is seen
_TEXTURE = 0.3  # of what it is said to know: its rows err together
_NEARBY_RAD, _HERE = _STEP_RAD * np.arange(-4, 5), 4
_LARGEST_RAD = np.radians(60.0)  # between two frames; what turned farther was found anew
_SWEEP_EVERY, _SWEEP_MEMORY, _SWEEP_SLIP = 2, 0.75, 1
_SWEEP_GATHERED, _SWEEP_NOW, _SWEEP_MOST, _SWEEP_SLACK = 6.0, 3.0, 6.0, 0.03  # of the same; the last of the score


def held_about_axis(search: PictureSearch, predicted: Placement, spread: Array, found: Found) -> Found:
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
    """
    wheel, at = search.model.wheel, found.fit.placement
    if wheel is None or not search.model.parts.turns or abs(_turn(wheel, predicted, at)) > _LARGEST_RAD:
        return found
    axis = at.R @ wheel.axis.direction
    known = 1 / float(axis @ spread @ axis)
    turn = _turn(wheel, predicted, at)
    angles = np.concatenate([_NEARBY_RAD, [-turn]])
    odds = search.odds([at.after(*about(wheel.axis, angle)) for angle in angles])
    here = odds[_HERE]
    likely = odds[:-1] - here - 0.5 * known * ((turn + _NEARBY_RAD) ** 2 - turn**2)
    best = int(np.argmax(likely))
    if likely[best] > _SHOWN and odds[best] > here + _SHOWN:
        other = _fitted(search, at.after(*about(wheel.axis, angles[best])))
        if other is not None and search.odds([other.fit.placement])[0] > here + _SHOWN:
            found, at, turn, here = other, other.fit.placement, 0.0, np.inf
    told = 2 * max(0.0, here - max(odds[_HERE - 1], odds[_HERE + 1])) / _STEP_RAD**2 if np.isfinite(here) else known
    told += _texture_tells(found, wheel)
    share = 1.0 if here - odds[-1] > _SHOWN else told / (told + known)
    information = _about_axis(found.fit.information.symmetric, wheel, at, told)
    moved = at.after(*about(wheel.axis, (share - 1.0) * turn))
    fit = replace(found.fit, placement=moved, information=replace(found.fit.information, whole=information))
    return replace(found, fit=fit)


def _texture_tells(found: Found, wheel: Wheel) -> float:
    """Information about the turn, with all else known."""
    lower, way = found.fit.information.by_texture, _way(wheel, found.fit.placement)
    return _TEXTURE * float(way @ (np.tril(lower) + np.tril(lower, -1).T) @ way)


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


def _about_axis(information: Array, wheel: Wheel, at: Placement, told: float) -> Array:
    """(6, 6) information with ``told`` in place of what it says of the turn about the axis."""
    way = _way(wheel, at)
    there = information @ way
    row = np.concatenate([way[:3], np.zeros(3)])
    return information - np.outer(there, there) / max(float(way @ there), 1e-9) + told * np.outer(row, row)


def turned_about_axis(search: PictureSearch, memory: Memory, found: Found) -> tuple[Found, Memory]:
    """The fit, turned about the axis of near-symmetry where frames in a row speak for another turn."""
    model, at = search.model, found.fit.placement
    if not model.parts.turns or model.wheel is None or memory.frames % _SWEEP_EVERY:
        return found, memory
    turned = [at.after(*about(model.wheel.axis, 2 * np.pi * k / STEPS)) for k in range(STEPS)]
    merits = search.odds(turned)
    # while nothing shows the turn the pose slips about the axis: what was gathered belongs to a turn nearby by now
    slipped = np.max([np.roll(memory.turns, shift) for shift in range(-_SWEEP_SLIP, _SWEEP_SLIP + 1)], axis=0)
    turns = _SWEEP_MEMORY * slipped + np.clip(merits - merits[0], -_SWEEP_MOST, _SWEEP_MOST)
    best = int(np.argmax(2 * turns + np.roll(turns, 1) + np.roll(turns, -1)))
    if turns[best] > _SWEEP_GATHERED and merits[best] - merits[0] > _SWEEP_NOW:
        other = _fitted(search, turned[best])
        likelier = other is not None and search.odds([other.fit.placement])[0] > merits[0] + _SWEEP_NOW
        if other is not None and likelier and other.score > found.score - _SWEEP_SLACK:
            turns = np.roll(turns, -best) - turns[best]
            return other, replace(memory, turns=turns.astype(np.float32))
        turns = np.minimum(turns, 0.0)  # a second look says no: gather anew
    return found, replace(memory, turns=turns.astype(np.float32))
