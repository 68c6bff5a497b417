"""Depth as FoundationPose wants it: lone pixels taken out, noise smoothed, small holes filled; and as points.

Valid is what lies from 1 mm to 100 m. Windows are 5 x 5, clipped at the image's border. float32 throughout, in the
reference's order. Only ``region`` (top, bottom, left, right; half open) is worked out, the rest is 0.
"""

import numpy as np
from numba import njit

from schemas.arrays import Array

NEAREST_M, FARTHEST_M = 0.001, 100.0
RADIUS_PX = 2
HALO_PX = 2 * RADIUS_PX
"""By how much more than a region must be measured for the region to be right: both filters' reach."""
_F = np.float32
_NEAR, _FAR = _F(NEAREST_M), _F(FARTHEST_M)
_STEP, _LONELY = _F(0.001), _F(0.8)
_ALIKE = _F(0.01)
_BLUR = _F(2 * 2.0 * 2.0)
_RANGE = _F(2 * 100000.0 * 100000.0)

Region = tuple[int, int, int, int]


def filtered(depth_m: Array, region: Region | None = None) -> Array:
    """``smoothed`` of ``eroded``; both (H, W) float32.

    Args:
        depth_m: (H, W) float32 metres, 0 where unknown.
        region: What is needed of it; all if None.
    """
    height, width = depth_m.shape
    top, bottom, left, right = region or (0, height, 0, width)
    wide = (
        max(0, top - RADIUS_PX),
        min(height, bottom + RADIUS_PX),
        max(0, left - RADIUS_PX),
        min(width, right + RADIUS_PX),
    )
    return smoothed(eroded(depth_m, wide), (top, bottom, left, right))


def eroded(depth_m: Array, region: Region | None = None) -> Array:
    """Depth without pixels from which more than 80 % of the window is invalid or over 1 mm away."""
    out = np.zeros_like(depth_m)
    _erode(np.ascontiguousarray(depth_m, np.float32), region or (0, depth_m.shape[0], 0, depth_m.shape[1]), out)
    return out


def smoothed(depth_m: Array, region: Region | None = None) -> Array:
    """The weighted mean of the window's valid pixels within 1 cm of their mean; 0 where there are none."""
    out = np.zeros_like(depth_m)
    _smooth(np.ascontiguousarray(depth_m, np.float32), region or (0, depth_m.shape[0], 0, depth_m.shape[1]), out)
    return out


def points_of(depth_m: Array, K: Array) -> Array:
    """Points in the camera's frame; 0 where the depth is below 1 mm.

    Args:
        depth_m: (H, W) float32.
        K: (3, 3) float64; pixel centres at integers.

    Returns:
        (H, W, 3) float32 metres.
    """
    v, u = np.indices(depth_m.shape, np.float64)
    z = np.where(depth_m < _NEAR, 0.0, depth_m.astype(np.float64))
    return np.stack([(u - K[0, 2]) * z / K[0, 0], (v - K[1, 2]) * z / K[1, 1], z], axis=-1).astype(np.float32)


@njit(nogil=True, cache=True)
def _erode(depth: Array, region: Region, out: Array) -> None:
    height, width = depth.shape
    for v in range(region[0], region[1]):
        for u in range(region[2], region[3]):
            center = depth[v, u]
            bad, count = _F(0), _F(0)
            for y in range(max(0, v - RADIUS_PX), min(height, v + RADIUS_PX + 1)):
                for x in range(max(0, u - RADIUS_PX), min(width, u + RADIUS_PX + 1)):
                    d = depth[y, x]
                    count += _F(1)
                    if d < _NEAR or d >= _FAR or abs(d - center) > _STEP:
                        bad += _F(1)
            out[v, u] = _F(0) if bad / count > _LONELY else center


@njit(nogil=True, cache=True)
def _smooth(depth: Array, region: Region, out: Array) -> None:
    height, width = depth.shape
    for v in range(region[0], region[1]):
        for u in range(region[2], region[3]):
            rows = (max(0, v - RADIUS_PX), min(height, v + RADIUS_PX + 1))
            columns = (max(0, u - RADIUS_PX), min(width, u + RADIUS_PX + 1))
            out[v, u] = _weighted(depth, v, u, rows, columns)


@njit(nogil=True, cache=True, inline="always")
def _weighted(depth: Array, v: int, u: int, rows: tuple[int, int], columns: tuple[int, int]) -> np.float32:
    """The smoothed depth of one pixel from a window of rows and columns, half open."""
    mean = _mean(depth, rows, columns)
    total, weights, center = _F(0), _F(0), depth[v, u]
    for x in range(columns[0], columns[1]):
        for y in range(rows[0], rows[1]):
            d = depth[y, x]
            if _NEAR <= d < _FAR and abs(d - mean) < _ALIKE:
                apart = _F((x - u) * (x - u) + (y - v) * (y - v))
                weight = np.exp(-apart / _BLUR - (center - d) * (center - d) / _RANGE)
                total += weight * d
                weights += weight
    return total / weights if weights > _F(0) else _F(0)


@njit(nogil=True, cache=True, inline="always")
def _mean(depth: Array, rows: tuple[int, int], columns: tuple[int, int]) -> np.float32:
    """Mean of the valid depths; 0 where there are none."""
    total, count = _F(0), _F(0)
    for x in range(columns[0], columns[1]):
        for y in range(rows[0], rows[1]):
            if _NEAR <= depth[y, x] < _FAR:
                total += depth[y, x]
                count += _F(1)
    return total / count if count > _F(0) else _F(0)


def guess_translation(depth_m: Array, mask: Array, K: Array) -> Array:
    """A first place of an object: the middle of its mask's box, at the median of the depth under it.

    Args:
        depth_m: (H, W) float32, filtered.
        mask: (H, W) bool, or numbers of which those above 0 count.
        K: (3, 3) float64.

    Returns:
        (3,) float64 metres; zeros where the mask is empty or has no depth under it.
    """
    inside = mask > 0
    rows, columns = np.nonzero(inside)
    known = depth_m[inside & (depth_m >= _NEAR)]
    if not len(rows) or not len(known):
        return np.zeros(3)
    middle = np.array([(columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2, 1.0])
    return np.linalg.inv(K) @ middle * float(np.median(known))
