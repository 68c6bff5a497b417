"""Kernels that read what a step knew from the lower half of its normal equations (turn about the centre, shift)."""

import numpy as np
from numba import njit

from estimators.geometric.solve import solve6
from schemas.arrays import Array

_KNOWN = 1e12


@njit(nogil=True, cache=True)
def symmetric(lower: Array) -> Array:
    """(6, 6) float64, a lower half with its upper one; what stands in the upper half is not read."""
    H = np.empty((6, 6))
    for i in range(6):
        for j in range(i + 1):
            H[i, j] = H[j, i] = lower[i, j]
    return H


@njit(nogil=True, cache=True)
def slips(lower: Array, R: Array, axes: Array, radius_m: float, limit_m: float) -> bool:
    """Whether a surface so far from the centre may move by more than ``limit_m`` unnoticed: one sigma, worst direction.

    That is so where the least eigenvalue is below the inverse square of the limit: less that, the information is not
    positive any more (Sylvester's law of inertia).

    Args:
        lower: (6, 6) float64, lower half, camera's axes.
        R: (3, 3) float64 of cam_from_centre.
        axes: (A, 3) float64 unit, object's axes: turns about these do not count.
        radius_m: Distance of the surface from the centre.
        limit_m: The largest slip that does no harm.
    """
    H, nothing, step, axis = symmetric(lower), np.zeros(6), np.zeros(6), np.empty(3)
    H[:3] /= radius_m
    H[:, :3] /= radius_m
    for k in range(axes.shape[0]):
        for i in range(3):
            axis[i] = R[i, 0] * axes[k, 0] + R[i, 1] * axes[k, 1] + R[i, 2] * axes[k, 2]
        for i in range(3):
            for j in range(3):
                H[i, j] += _KNOWN * axis[i] * axis[j]
    for i in range(6):
        H[i, i] -= 1.0 / (limit_m * limit_m)
    return not solve6(H, nothing, step)


@njit(nogil=True, cache=True)
def completed(lower: Array, known_rad: float, known_m: float) -> Array:
    """(6, 6) information from its lower half, with what is known of every turn and shift: standard deviations."""
    H = symmetric(lower)
    for k in range(3):
        H[k, k] += 1.0 / (known_rad * known_rad)
        H[3 + k, 3 + k] += 1.0 / (known_m * known_m)
    return H


@njit(nogil=True, cache=True)
def inverse(H: Array) -> Array:
    """(6, 6) float64, the inverse of a positive matrix; not a number anywhere where it is not positive."""
    out, unit, column = np.empty((6, 6)), np.zeros(6), np.zeros(6)
    for k in range(6):
        unit[k] = 1.0
        if not solve6(H, unit, column):
            out[:] = np.nan
            return out
        unit[k], out[k] = 0.0, column
    return out


@njit(nogil=True, cache=True)
def chi_square(H: Array, pull: Array) -> float:
    """How far a pull (6,) moves what is held by H (6, 6), in squared standard deviations; NaN if H is not positive."""
    step = np.zeros(6)
    return np.sum(pull * step) if solve6(H, pull, step) else np.nan
