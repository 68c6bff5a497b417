"""What is read from the lower half of normal equations, against NumPy on the whole."""

import numpy as np
import pytest

from estimators.geometric.information import chi_square, completed, inverse, slips, symmetric
from schemas.arrays import Array

NO_AXES = np.zeros((0, 3))


@pytest.fixture
def information() -> Array:
    rows = np.random.default_rng(0).normal(0, 100, (40, 6))
    return rows.T @ rows


def test_the_upper_half_is_not_read(information: Array) -> None:
    lower = np.tril(information)
    lower[0, 5] = np.nan
    np.testing.assert_array_equal(symmetric(lower), information)


def test_inverse_and_chi_square_are_those_of_numpy(information: Array) -> None:
    H = completed(np.tril(information), 3.0, 1.0)
    np.testing.assert_allclose(H, information + np.diag([1 / 9, 1 / 9, 1 / 9, 1.0, 1.0, 1.0]))
    np.testing.assert_allclose(inverse(H) @ H, np.eye(6), atol=1e-9)  # rounding times a condition of some hundreds
    pull = np.arange(1.0, 7.0)
    assert chi_square(H, pull) == pytest.approx(pull @ np.linalg.solve(H, pull))


def test_information_that_is_not_positive_has_no_inverse() -> None:
    assert np.isnan(inverse(np.diag([1.0, 1.0, 1.0, 1.0, 1.0, -1.0]))).all()
    assert np.isnan(chi_square(np.diag([1.0, 1.0, 1.0, 1.0, 1.0, -1.0]), np.ones(6)))


def test_a_surface_slips_where_the_least_eigenvalue_says_so(information: Array) -> None:
    scale = np.repeat([1 / 0.05, 1.0], 3)
    one_sigma_m = float(1 / np.sqrt(np.linalg.eigvalsh(information * scale * scale[:, None])[0]))
    assert slips(np.tril(information), np.eye(3), NO_AXES, 0.05, 0.999 * one_sigma_m)
    assert not slips(np.tril(information), np.eye(3), NO_AXES, 0.05, 1.001 * one_sigma_m)
