"""Kernels about the part of an object that is not of revolution: a handle, a spout."""

import numpy as np
from numba import njit

from schemas.arrays import Array

_BESIDE_PX = 2
_TINY_M = 1e-9  # of rounding


@njit(nogil=True, cache=True)
def is_near(queries: Array, points: Array, reach: float) -> Array:
    """(M,) bool, queries (M, 2) that have a point (N, 2) within reach."""
    out = np.zeros(queries.shape[0], np.bool_)
    for i in range(queries.shape[0]):
        for j in range(points.shape[0]):
            if (queries[i, 0] - points[j, 0]) ** 2 + (queries[i, 1] - points[j, 1]) ** 2 <= reach * reach:
                out[i] = True
                break
    return out


@njit(nogil=True, cache=True)
def stick_out(odd: Array, R: Array, t: Array, depth: Array, cam: Array) -> tuple[float, float]:
    """Odd points that are measured where they should be or a few pixels beside, and those that are seen through.

    Sensors tear thin parts: a pixel on a handle may well show what is behind it, but not all around.
    """
    found, through = 0.0, 0.0
    q = np.empty(3)
    for i in range(odd.shape[0]):
        for k in range(3):
            q[k] = R[k, 0] * odd[i, 0] + R[k, 1] * odd[i, 1] + R[k, 2] * odd[i, 2] + t[k]
        if q[2] < 0.05:
            continue
        u, v = round(q[0] / q[2] * cam[0] + cam[2]), round(q[1] / q[2] * cam[1] + cam[3])
        tolerance = 0.006 + 0.008 * q[2] * q[2]
        there, behind, before = 0, 0, 0
        for dv in range(-_BESIDE_PX, _BESIDE_PX + 1, _BESIDE_PX):
            for du in range(-_BESIDE_PX, _BESIDE_PX + 1, _BESIDE_PX):
                if 0 <= u + du < depth.shape[1] and 0 <= v + dv < depth.shape[0] and depth[v + dv, u + du] > 0.0:
                    gap = depth[v + dv, u + du] - q[2]
                    there += abs(gap) <= 1.5 * tolerance
                    behind += gap > 1.5 * tolerance
                    before += gap < -1.5 * tolerance
        if there > 0:
            found += 1.0
        elif behind > 0 and before == 0:
            through += 1.0
    return found, through


@njit(nogil=True, cache=True)
def ball(points: Array) -> tuple[Array, float]:
    """The middle (3,) of points (N, 3) and how far from there they reach."""
    middle, most = np.zeros(3), 0.0
    for i in range(points.shape[0]):
        for k in range(3):
            middle[k] += points[i, k] / points.shape[0]
    for i in range(points.shape[0]):
        most = max(most, np.sum((points[i] - middle) ** 2))
    return middle, np.sqrt(most)


@njit(nogil=True, cache=True)
def explained(
    left: Array, odd: Array, ball: tuple[Array, float], R0: Array, R: Array, t0: Array, t: Array, tolerance: float
) -> float:
    """How many leftover points (about the centre of the unturned placement) lie on the odd part of a turned one."""
    count, reach = 0.0, 2.0 * tolerance
    middle, radius = ball
    p, q = np.empty(3), np.empty(3)
    for i in range(left.shape[0]):
        for k in range(3):
            p[k] = R0[k, 0] * left[i, 0] + R0[k, 1] * left[i, 1] + R0[k, 2] * left[i, 2] + t0[k] - t[k]
        for k in range(3):
            q[k] = R[0, k] * p[0] + R[1, k] * p[1] + R[2, k] * p[2]
        off = (q[0] - middle[0]) ** 2 + (q[1] - middle[1]) ** 2 + (q[2] - middle[2]) ** 2
        if off > (radius + reach + _TINY_M) ** 2:  # near none of them
            continue
        for j in range(odd.shape[0]):
            gap = (q[0] - odd[j, 0]) ** 2 + (q[1] - odd[j, 1]) ** 2 + (q[2] - odd[j, 2]) ** 2
            if gap < reach * reach:
                count += 1.0
                break
    return count
