"""Depth as FoundationPose wants it: lone pixels taken out, noise smoothed, small holes filled; and as points.

Valid is what lies from 1 mm to 100 m. Windows are 5 x 5, clipped at the image's border. float32 throughout, in the
reference's order.
"""

import numpy as np
from numba import njit

from schemas.arrays import Array

NEAREST_M, FARTHEST_M = 0.001, 100.0
RADIUS_PX, SIDE_PX = 2, 5
_F = np.float32
_NEAR, _FAR = _F(NEAREST_M), _F(FARTHEST_M)
_STEP, _LONELY = _F(0.001), _F(0.8)
_ALIKE = _F(0.01)
_BEYOND = _F(-np.inf)  # the image
_OFFSETS = np.arange(-RADIUS_PX, RADIUS_PX + 1)
WEIGHTS = np.exp(-(_OFFSETS[:, None] ** 2 + _OFFSETS**2) / np.float32(8)).astype(np.float32)
"""Of the window's pixels, sigma 2 px; the reference's second sigma, of depth, is 100 km, which changes no weight."""


def filtered(depth_m: Array) -> Array:
    """``smoothed`` of ``eroded``; all take and give (H, W) float32 metres, 0 where unknown."""
    return smoothed(eroded(depth_m))


def eroded(depth_m: Array) -> Array:
    """Depth without pixels from which more than 80 % of the window is invalid or over 1 mm away."""
    out = np.empty(depth_m.shape, np.float32)
    _erode(_padded(depth_m), out)
    return out


def smoothed(depth_m: Array) -> Array:
    """The weighted mean of the window's valid pixels within 1 cm of their mean; 0 where there are none."""
    out = np.empty(depth_m.shape, np.float32)
    _smooth(_padded(depth_m), out)
    return out


def _padded(depth_m: Array) -> Array:
    """Depth with a rim of -inf: what is beyond the image."""
    return np.pad(depth_m.astype(np.float32, copy=False), RADIUS_PX, constant_values=_BEYOND)


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


# the innermost loops run along rows and choose without branches, so that they are vectorised; for each pixel the
# window's pixels still come column by column


@njit(nogil=True, cache=True)
def _erode(padded: Array, out: Array) -> None:
    height, width = out.shape
    bad, count = np.empty(width, np.float32), np.empty(width, np.float32)
    for v in range(height):
        bad[:], count[:] = _F(0), _F(0)
        center = padded[v + RADIUS_PX]
        for x in range(SIDE_PX):
            for y in range(SIDE_PX):
                row = padded[v + y]
                for u in range(width):
                    d = row[u + x]
                    counts = d != _BEYOND
                    odd = (d < _NEAR) | (d >= _FAR) | (abs(d - center[u + RADIUS_PX]) > _STEP)
                    count[u] += _F(1) if counts else _F(0)
                    bad[u] += _F(1) if counts & odd else _F(0)
        for u in range(width):
            out[v, u] = _F(0) if bad[u] / count[u] > _LONELY else center[u + RADIUS_PX]


@njit(nogil=True, cache=True)
def _smooth(padded: Array, out: Array) -> None:
    height, width = out.shape
    mean, total, weights = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    for v in range(height):
        _means(padded, v, mean, weights)
        total[:], weights[:] = _F(0), _F(0)
        for x in range(SIDE_PX):
            for y in range(SIDE_PX):
                row, weight = padded[v + y], WEIGHTS[y, x]
                for u in range(width):
                    d = row[u + x]
                    counts = (d >= _NEAR) & (d < _FAR) & (abs(d - mean[u]) < _ALIKE)
                    total[u] += weight * d if counts else _F(0)
                    weights[u] += weight if counts else _F(0)
        for u in range(width):
            out[v, u] = total[u] / weights[u] if weights[u] > _F(0) else _F(0)


@njit(nogil=True, cache=True)
def _means(padded: Array, v: int, mean: Array, count: Array) -> None:
    """Into ``mean`` the means of the valid depths of the windows of a row, 0 where there are none."""
    mean[:], count[:] = _F(0), _F(0)
    for x in range(SIDE_PX):
        for y in range(SIDE_PX):
            row = padded[v + y]
            for u in range(len(mean)):
                d = row[u + x]
                valid = (d >= _NEAR) & (d < _FAR)
                mean[u] += d if valid else _F(0)
                count[u] += _F(1) if valid else _F(0)
    for u in range(len(mean)):
        mean[u] = mean[u] / max(count[u], _F(1))


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
