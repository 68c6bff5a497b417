"""The filter of constant velocity that holds what a picture does not tell."""

import numpy as np
import pytest

from estimators.geometric.kalman import corrected, first_spread, later
from schemas.arrays import Array

SECONDS, DAMPING = 1 / 30, 0.95


def weighed(spread: Array, information: Array, innovation: Array) -> Array:
    """(6,) by how much a pose moves that both the spread and the information hold."""
    return np.linalg.solve(np.linalg.inv(spread[:6, :6]) + information, information @ innovation)


def test_what_a_look_does_not_tell_leaves_its_velocity_as_it_was() -> None:
    spread = later(first_spread(), SECONDS, DAMPING, None)
    only_x = np.zeros((6, 6))
    only_x[3, 3] = 1 / 0.001**2
    change, after = corrected(spread, only_x, weighed(spread, only_x, np.full(6, 0.01)))
    assert change[3] > 0.02
    assert np.delete(change, 3) == pytest.approx(np.zeros(5), abs=1e-12)
    shrunk = np.diag(after) / np.diag(spread)
    assert shrunk[3] < 0.1
    assert shrunk[9] < 0.9
    assert np.delete(shrunk, [3, 9]) == pytest.approx(np.ones(10), abs=1e-9)


def test_a_velocity_is_learned_from_looks() -> None:
    spread, velocity = first_spread(), np.zeros(6)
    truth = np.array([1.0, 0, 0, 0.3, -0.1, 0])
    information, behind = np.eye(6) / 0.002**2, np.zeros(6)  # behind: truth less where it is thought to be
    for _ in range(15):
        behind = behind + (truth - velocity) * SECONDS
        spread = later(spread, SECONDS, 1.0, None)
        off = weighed(spread, information, behind)
        change, spread = corrected(spread, information, off)
        velocity, behind = velocity + change, behind - off
    assert velocity == pytest.approx(truth, abs=0.01)


def test_without_looks_the_spread_grows_and_is_bounded() -> None:
    spread = first_spread()
    for frame in range(300):
        wider = later(spread, SECONDS, DAMPING, None)
        if frame < 5:
            assert (np.diag(wider)[:6] > np.diag(spread)[:6]).all()
        spread = wider
        assert np.linalg.eigvalsh(spread).min() > 0
    turn, shift = np.sqrt(np.diag(spread)).reshape(2, 2, 3)[0]
    assert np.degrees(turn) == pytest.approx(np.full(3, 30.0), rel=0.01)
    assert shift == pytest.approx(np.full(3, 0.08), rel=0.01)


def test_the_spread_of_a_slow_object_grows_less() -> None:
    slow, fast = (later(np.diag(np.full(12, 1e-8)), SECONDS, DAMPING, speeds) for speeds in ((0.0, 0.0), (10.0, 1.0)))
    assert (np.diag(slow) < 0.5 * np.diag(fast)).all()


def test_a_covariance_stays_one_however_little_the_looks_tell() -> None:
    rng, spread = np.random.default_rng(0), first_spread()
    for _ in range(300):
        row = rng.normal(size=6)  # of rank one: five of six directions are not seen
        spread = later(spread, SECONDS, DAMPING, (0.5, 0.1))
        _, spread = corrected(spread, 1e6 * np.outer(row, row), np.zeros(6))
        assert (spread == spread.T).all()
        assert np.linalg.eigvalsh(spread).min() > 0
