"""Placements that are scattered to find where a merit is highest."""

from functools import partial

import numpy as np
import pytest

from estimators.geometric.cloud import likeliest, narrowed
from estimators.geometric.motion import rotation_vector
from estimators.geometric.placement import Placement
from schemas.arrays import Array
from tests.unit.picture_scene import turned

START = Placement(turned((1, 2, 3), 40.0), np.array([0.05, -0.02, 0.6]))
SPREAD = np.diag(np.repeat([np.radians(15.0), 0.02], 3) ** 2)


def steps(one: Placement, other: Placement) -> tuple[float, float]:
    """Degrees and metres."""
    return float(np.degrees(np.linalg.norm(rotation_vector(one.R @ other.R.T)))), float(np.linalg.norm(one.t - other.t))


def merit_of(top: Placement, placements: list[Placement]) -> Array:
    """Falls with the square of turn and shift from ``top``."""
    off = np.array([steps(one, top) for one in placements])
    return -((off[:, 0] / 10) ** 2) - (off[:, 1] / 0.01) ** 2


@pytest.mark.parametrize(("axis", "degrees"), [((1, 0, 0), 20.0), ((0, 1, 1), -18.0), ((0, 0, 1), 12.0)])
def test_the_top_of_a_merit_is_found(axis: tuple[float, float, float], degrees: float) -> None:
    top = Placement(turned(axis, degrees) @ START.R, START.t + np.array([0.015, -0.02, 0.01]))
    (found,) = likeliest([START], SPREAD, partial(merit_of, top), 1)
    turn, shift = steps(found, top)
    # of 27 mm and up to 20 degrees: close enough for a fit to begin there
    assert turn < 12.0
    assert shift < 0.015


def test_of_two_tops_both_are_found_and_the_higher_one_comes_first() -> None:
    tops = [Placement(turned((0, 0, 1), angle) @ START.R, START.t) for angle in (-22.0, 22.0)]

    def merit(placements: list[Placement]) -> Array:
        return np.maximum(merit_of(tops[0], placements), 0.5 + merit_of(tops[1], placements))

    found = likeliest([START], SPREAD, merit, 12)
    assert steps(found[0], tops[1])[0] < 12.0
    assert min(steps(one, tops[0])[0] for one in found) < 12.0
    for k, one in enumerate(found):
        for other in found[:k]:
            turn, shift = steps(one, other)
            assert turn >= 6.0 or shift >= 0.01


def test_the_same_question_has_the_same_answer() -> None:
    top = Placement(turned((0, 1, 1), -18.0) @ START.R, START.t + 0.01)
    once, again = (likeliest([START], SPREAD, partial(merit_of, top), 4) for _ in range(2))
    assert len(once) == len(again) > 1
    for one, other in zip(once, again, strict=True):
        assert (one.R == other.R).all()
        assert (one.t == other.t).all()


def test_a_start_that_is_the_top_is_given_back() -> None:
    starts = [Placement(turned((1, 0, 0), 30.0) @ START.R, START.t), START]
    (found,) = likeliest(starts, SPREAD, partial(merit_of, START), 1)
    assert steps(found, START) == pytest.approx((0.0, 0.0), abs=1e-6)


def test_the_top_is_found_from_far_off_starts_in_ever_closer_rounds() -> None:
    top = Placement(turned((0, 1, 1), -25.0) @ START.R, START.t + np.array([0.01, -0.01, 0.01]))
    starts = [Placement(turned((0, 1, 0), 30.0 * k) @ START.R, START.t) for k in range(12)]
    plan = ((6, 6, np.radians(18.0), 0.012), (4, 8, np.radians(8.0), 0.008))
    found = narrowed(starts, partial(merit_of, top), plan, 3)
    first = min(steps(one, top)[0] for one in starts)
    assert steps(found[0], top)[0] < 0.7 * first
    assert merit_of(top, found).tolist() == sorted(merit_of(top, found), reverse=True)
    assert len(found) <= 3
