"""Where in a frame small pictures of an object make its colours likely."""

import numpy as np
from numba import njit

from estimators.geometric.light import brightness
from estimators.geometric.likelihood import HIDDEN, NORMAL, ROOM
from schemas.arrays import Array

_CHROMA, _LIGHT, _GREY = 0.12, 0.25, 4.0  # see ``likelihood``: more, as no view shows the object as it is seen
_FLOOR = 16.0  # grey levels, under a logarithm
_LEAST, _MOST = -3.0, 8.0  # logarithms


@njit(nogil=True, cache=True)
def best_places(
    points: Array, rgb: Array, normals: Array, weight: Array, view: Array, R: Array, tints: Array, without: Array,
    hidden: Array, px_per_m: float, light: tuple[Array, Array], stride: int, reach_px: float,
) -> Array:  # fmt: skip
    """(B, 3) for each hypothesis the largest sum of log-odds, and column and row of the object's centre.

    Args:
        points: (V, P, 3) float64 about the object's centre, metres.
        rgb: (V, P, 3) float64.
        normals: (V, P, 3) float64.
        weight: (V,) float64, pixels that a point stands for.
        view: (B,) int64, the view of each hypothesis.
        R: (B, 3, 3) float64.
        tints: (h, w, 3) float32, see ``likelihood.Sight`` for this and the next two.
        without: (h, w) float32.
        hidden: (h, w) float32.
        px_per_m: Pixels for a metre at the object's distance.
        light: (9,) float64 terms and (2,) float64 tone, see ``known.Known``.
        stride: Pixels from place to place.
        reach_px: How far from the middle a place can be.
    """
    best = np.full((R.shape[0], 3), -1e9)
    count = points.shape[1]
    dx, dy, look = np.empty(count, np.int64), np.empty(count, np.int64), np.empty((count, 6), np.float32)
    behind, middle = np.log(hidden), 0.5 * (tints.shape[0] - 1)
    for b in range(R.shape[0]):
        _lit(points[view[b]], rgb[view[b]], normals[view[b]], R[b], px_per_m, light, dx, dy, look)
        for row in range(0, tints.shape[0], stride):
            for column in range(0, tints.shape[1], stride):
                if (row - middle) ** 2 + (column - middle) ** 2 > reach_px * reach_px:
                    continue
                odds = weight[view[b]] * _sum(look, dx, dy, tints, without, behind, row, column)
                if odds > best[b, 0]:
                    best[b, 0], best[b, 1], best[b, 2] = odds, column, row
    return best


@njit(nogil=True, cache=True)
def _lit(
    points: Array, rgb: Array, normals: Array, R: Array, px_per_m: float, light: tuple[Array, Array], dx: Array,
    dy: Array, look: Array,
) -> None:  # fmt: skip
    """Write where points lie in the picture, their tints in the light, half of both inverse variances and the peak."""
    terms, tone = light
    n = np.empty(3)
    for i in range(points.shape[0]):
        p = points[i]
        dx[i] = round((R[0, 0] * p[0] + R[0, 1] * p[1] + R[0, 2] * p[2]) * px_per_m)
        dy[i] = round((R[1, 0] * p[0] + R[1, 1] * p[1] + R[1, 2] * p[2]) * px_per_m)
        for k in range(3):
            n[k] = R[k, 0] * normals[i, 0] + R[k, 1] * normals[i, 1] + R[k, 2] * normals[i, 2]
        e = brightness(n[0], n[1], n[2], terms)
        red, green, blue = (
            np.log(min(255.0, rgb[i, 0] * e) + _FLOOR),
            np.log(min(255.0, rgb[i, 1] * e) + _FLOOR),
            np.log(min(255.0, rgb[i, 2] * e) + _FLOOR),
        )
        grey = (red + green + blue) / 3.0
        noise2 = (_GREY * np.exp(-grey)) ** 2
        chroma2, light2 = _CHROMA * _CHROMA + 2 * noise2, _LIGHT * _LIGHT + noise2
        look[i, 0], look[i, 1], look[i, 2] = red - green + tone[0], blue - green + tone[1], grey
        look[i, 3], look[i, 4] = 0.5 / chroma2, 0.5 / light2
        look[i, 5] = np.log((1 - HIDDEN) * ROOM / (NORMAL * chroma2 * np.sqrt(light2)))


@njit(nogil=True, cache=True)
def _sum(
    look: Array, dx: Array, dy: Array, tints: Array, without: Array, behind: Array, row: int, column: int
) -> float:
    """Sum of the log-odds of points at a place; the likelier of shown and hidden stands for both."""
    total = 0.0
    for i in range(dx.shape[0]):
        y, x = row + dy[i], column + dx[i]
        if y < 0 or x < 0 or y >= without.shape[0] or x >= without.shape[1] or np.isnan(without[y, x]):
            continue
        red, blue, off = tints[y, x, 0] - look[i, 0], tints[y, x, 1] - look[i, 1], tints[y, x, 2] - look[i, 2]
        own = look[i, 5] - (red * red + blue * blue) * look[i, 3] - off * off * look[i, 4]
        total += min(_MOST, max(_LEAST, max(own, behind[y, x]) - without[y, x]))
    return total
