"""Kernels that find for points of a model the nearest measured ones."""

import numpy as np
from numba import njit

from schemas.arrays import Array

_OCCLUDER_M = 0.03  # anything this much nearer than a point, within a centimetre, hides it
_BESIDE_M = 0.01
_NEAREST_M = 0.05


@njit(nogil=True, cache=True, inline="always")
def _ring(
    point: Array, depth: Array, cam: Array, at: tuple[int, int], ring: int, stride: int, best: float, out: Array
) -> float:
    """The least squared distance, at most ``best``, of a measured point on a square about a pixel; -1 if hidden."""
    height, width = depth.shape
    x, y, z = point[0], point[1], point[2]
    beside = (_BESIDE_M * cam[0] / z) ** 2
    per_x, per_y = 1.0 / cam[0], 1.0 / cam[1]
    for a in range(-ring, ring + 1):
        row = at[1] + a * stride
        if row < 0 or row >= height:
            continue
        ray_y = (row - cam[3]) * per_y
        for b in range(-ring, ring + 1, 1 if abs(a) == ring else 2 * ring):
            column = at[0] + b * stride
            if column < 0 or column >= width:
                continue
            d = float(depth[row, column])
            if not d > _NEAREST_M:
                continue
            along = d - z
            if along < -_OCCLUDER_M and (a * a + b * b) * stride * stride <= beside:
                return -1.0
            if along * along >= best:
                continue
            mx, my = (column - cam[2]) * per_x * d, ray_y * d
            gap = (mx - x) ** 2 + (my - y) ** 2 + along * along
            if gap < best:
                best = gap
                out[0], out[1], out[2], out[3] = mx, my, d, 1.0
    return best


@njit(nogil=True, cache=True)
def _nearest(point: Array, depth: Array, cam: Array, search: Array, out: Array) -> bool:
    """Write the nearest measured point and 1 to ``out`` (4,); False where there is none or it is hidden.

    Squares about its pixel are gone through from the inside: what lies beside the point may hide it, the others only
    as far as something nearer than the best can be. A ray that is n pixels off passes the point at n z / (f sqrt(1 +
    s^2)), s its slope; half a pixel was lost in rounding.
    """
    z = point[2]
    scale = cam[0] / z
    u, v = round(point[0] * scale + cam[2]), round(point[1] * cam[1] / z + cam[3])
    stride = max(1, int(search[1] * scale))
    steps = (int(search[0] * scale) + 1) // stride
    beside = int(_BESIDE_M * scale) // stride
    slope_x, slope_y = (abs(u - cam[2]) + steps * stride) / cam[0], (abs(v - cam[3]) + steps * stride) / cam[1]
    spread_px = max(cam[0] * np.sqrt(1.0 + slope_x * slope_x), cam[1] * np.sqrt(1.0 + slope_y * slope_y)) / z
    best = search[0] * search[0]
    for ring in range(steps + 1):
        if ring > beside and ring * stride - 0.5 > np.sqrt(best) * spread_px:
            break
        best = _ring(point, depth, cam, (u, v), ring, stride, best, out)
        if best < 0.0:
            return False
    return out[3] > 0.0


@njit(nogil=True, cache=True)
def match(points: Array, R: Array, t: Array, depth: Array, cam: Array, search: Array, out: Array) -> int:
    """For each model point the nearest measured point in a window about where it is seen.

    Args:
        points: (N, 3) float64 about the object's centre.
        R: (3, 3) float64 rotation of cam_from_centre.
        t: (3,) float64 metres.
        depth: (H, W) float32 metres, 0 or NaN where unknown.
        cam: (4,) float64 fx, fy, cx, cy.
        search: (2,) float64: radius and stride of the window, metres.
        out: (N, 4) float64, becomes x, y, z of the match and 1, or 0 where there is none or it is hidden.

    Returns:
        How many points found a match.
    """
    found = 0
    q = np.empty(3)
    for i in range(points.shape[0]):
        out[i, 3] = 0.0
        for k in range(3):
            q[k] = R[k, 0] * points[i, 0] + R[k, 1] * points[i, 1] + R[k, 2] * points[i, 2] + t[k]
        if q[2] >= _NEAREST_M and _nearest(q, depth, cam, search, out[i]):
            found += 1
        else:
            out[i, 3] = 0.0
    return found
