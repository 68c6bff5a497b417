"""Kernels that judge many placements quickly, by the points of a view."""

import numpy as np
from numba import njit

from schemas.arrays import Array

_NEAREST_M = 0.05
_HIDDEN_WEIGHT = 0.25


@njit(nogil=True, cache=True)
def judge_all(
    points: Array, view: Array, R: Array, t: Array, depth: Array, mask: Array, cam: Array, seen: Array, diameter: float
) -> Array:
    """(B,) agreement of placements with depth and mask, times the share of the mask's points they explain, 0 to 1.

    Args:
        points: (V, N, 3) float64 of the views, about the centre.
        view: (B,) int64.
        R: (B, 3, 3) float64.
        t: (B, 3) float64.
        depth: (H, W) float32, the whole frame.
        mask: (H, W) bool; (0, 0) where there is none.
        cam: (4,) float64.
        seen: (M, 3) float64 measured points under the mask; (0, 3) where there is none.
        diameter: Of the object, metres.
    """
    merit = np.zeros(R.shape[0])
    q = np.empty((points.shape[1], 3))
    for b in range(R.shape[0]):
        p = points[view[b]]
        for i in range(p.shape[0]):
            for k in range(3):
                q[i, k] = R[b, k, 0] * p[i, 0] + R[b, k, 1] * p[i, 1] + R[b, k, 2] * p[i, 2] + t[b, k]
        merit[b] = _agreement(q, depth, mask, cam, 0.005 + 0.04 * diameter)
        if merit[b] > 0.0 and seen.shape[0] > 0:
            merit[b] *= _explained(seen, q, 0.1 * diameter)
    return merit


@njit(nogil=True, cache=True)
def _agreement(q: Array, depth: Array, mask: Array, cam: Array, tolerance: float) -> float:
    """Share of points in the camera's frame that are measured where they should be; hidden ones count little."""
    height, width = depth.shape
    masked = mask.shape[0] > 0
    good, wrong, hidden = 0.0, 0.0, 0.0
    for i in range(q.shape[0]):
        z = q[i, 2]
        if z < _NEAREST_M:
            continue
        u, v = round(q[i, 0] / z * cam[0] + cam[2]), round(q[i, 1] / z * cam[1] + cam[3])
        if u < 0 or v < 0 or u >= width or v >= height:
            hidden += 1.0
            continue
        d = depth[v, u]
        if not d > 0.0:
            continue
        inside = not masked or mask[v, u]
        if inside and abs(d - z) <= tolerance:
            good += 1.0
        elif d < z - tolerance and not (masked and inside):
            hidden += 1.0
        else:
            wrong += 1.0
    total = good + wrong + _HIDDEN_WEIGHT * hidden
    return good / total if total > 0.0 else 0.0


@njit(nogil=True, cache=True)
def _explained(seen: Array, q: Array, reach: float) -> float:
    """Share of measured points (M, 3) with a model point (N, 3) within reach."""
    explained = 0
    for j in range(seen.shape[0]):
        for i in range(q.shape[0]):
            gap = (seen[j, 0] - q[i, 0]) ** 2 + (seen[j, 1] - q[i, 1]) ** 2 + (seen[j, 2] - q[i, 2]) ** 2
            if gap < reach * reach:
                explained += 1
                break
    return explained / seen.shape[0]
