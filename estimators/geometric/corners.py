"""Kernels about corners of a render and where they were found: which of them hold, and what they are corners of."""

import numpy as np
from numba import njit

from schemas.arrays import Array

_HIDDEN_M, _BEHIND_M = -0.025, 0.04  # of what depth may say where a corner was found
_RETURN_PX = 0.7
_NEAREST_M = 0.05


@njit(nogil=True, cache=True)
def in_place(
    corners: Array, there: Array, ok: Array, drawn: Array, crop_cam: Array, zoom: float, depth: Array, cam: Array
) -> Array:
    """(M, 2) float64 pixels of the frame where corners were found; NaN for those that depth says are not there.

    Args:
        corners: (M, 1, 2) float32 pixels of the render.
        there: (M, 1, 2) float32 pixels of the crop of the frame.
        ok: (M, 1) uint8, 1 where they were found.
        drawn: (S, S) float32 metres of the render.
        crop_cam: (4,) float64 of the crop.
        zoom: Pixels of the crop for one of the frame.
        depth: (H, W) float32 metres of the frame, 0 where unknown.
        cam: (4,) float64 of the frame.
    """
    out = np.full((corners.shape[0], 2), np.nan)
    for i in range(corners.shape[0]):
        if ok[i, 0] != 1:
            continue
        u = (there[i, 0, 0] - crop_cam[2]) / zoom + cam[2]
        v = (there[i, 0, 1] - crop_cam[3]) / zoom + cam[3]
        column, row = round(u), round(v)
        if column < 0 or row < 0 or column >= depth.shape[1] or row >= depth.shape[0]:
            continue
        gap = depth[row, column] - drawn[int(corners[i, 0, 1]), int(corners[i, 0, 0])]
        if depth[row, column] <= 0 or _HIDDEN_M < gap < _BEHIND_M:
            out[i, 0], out[i, 1] = u, v
    return out


@njit(nogil=True, cache=True)
def led_back(
    corners: Array, back: Array, ok: Array, places: Array, drawn: Array, crop_cam: Array, R: Array, t: Array
) -> tuple[Array, Array]:
    """(K, 3) points about the centre under corners that the way back leads to, (K, 2) pixels where they were found.

    Args:
        corners: (M, 1, 2) float32 pixels of the render.
        back: (M, 1, 2) float32 where the way back ends.
        ok: (M, 1) uint8, 1 where it ends anywhere.
        places: (M, 2) float64 pixels of the frame.
        drawn: (S, S) float32 metres of the render.
        crop_cam: (4,) float64 of the crop.
        R: (3, 3) float64 of cam_from_centre at which it was drawn.
        t: (3,) float64 metres.
    """
    points, found, count = np.empty((corners.shape[0], 3)), np.empty((corners.shape[0], 2)), 0
    for i in range(corners.shape[0]):
        off_u, off_v = back[i, 0, 0] - corners[i, 0, 0], back[i, 0, 1] - corners[i, 0, 1]
        if ok[i, 0] != 1 or not np.sqrt(off_u * off_u + off_v * off_v) < _RETURN_PX:
            continue
        column, row = int(corners[i, 0, 0]), int(corners[i, 0, 1])
        z = float(drawn[row, column])
        x, y = (column - crop_cam[2]) / crop_cam[0] * z - t[0], (row - crop_cam[3]) / crop_cam[1] * z - t[1]
        for k in range(3):
            points[count, k] = x * R[0, k] + y * R[1, k] + (z - t[2]) * R[2, k]
        found[count] = places[i]
        count += 1
    return points[:count].copy(), found[:count].copy()


@njit(nogil=True, cache=True)
def agreeing(points: Array, places: Array, R: Array, t: Array, cam: Array, limit_px: float) -> int:
    """How many points (M, 3) about the centre are seen within ``limit_px`` of their places (M, 2) at a placement."""
    count, q = 0, np.empty(3)
    for i in range(points.shape[0]):
        for k in range(3):
            q[k] = R[k, 0] * points[i, 0] + R[k, 1] * points[i, 1] + R[k, 2] * points[i, 2] + t[k]
        if q[2] < _NEAREST_M:
            continue
        u, v = q[0] / q[2] * cam[0] + cam[2], q[1] / q[2] * cam[1] + cam[3]
        count += np.sqrt((u - places[i, 0]) ** 2 + (v - places[i, 1]) ** 2) < limit_px
    return count
