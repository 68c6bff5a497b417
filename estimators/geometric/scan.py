"""Kernels that try an object at every place around, a few turns each: what is hidden there counts neither way."""

import numpy as np
from numba import njit

from schemas.arrays import Array

_NEAREST_M = 0.05
_HIDDEN_WEIGHT = 0.25
_CHROMA = 0.25  # of a logarithm of colour ratios: half as good when so far off
_OTHER_COLOUR = 0.5  # what a point of another colour counts against a place
_FEWEST = 3.0  # points that could agree by chance


@njit(nogil=True, cache=True)
def scan(
    points: Array, facing: Array, chroma: Array, places: Array, depth: Array, seen: Array, cam: Array, table: Array,
    tolerance_m: float,
) -> Array:  # fmt: skip
    """(B, T) how well depth and colour agree with an object at each place and turn, 0 to 1.

    Args:
        points: (B, N, 3) float64 of the object about its centre, turned, along the camera's axes.
        facing: (B, N) float64 cosine between normal and view; points turned away are 0.
        chroma: (B, N, 2) float64 logarithms of red and blue over green.
        places: (T, 3) float64 metres.
        depth: (h, w) float32 metres, 0 where unknown, negative where it is known not to be the object.
        seen: (h, w, 3) uint8, the small image.
        cam: (4,) float64 of it.
        table: ``tint.LOGS_32``.
        tolerance_m: How far off a point may be measured.
    """
    out = np.zeros((points.shape[0], places.shape[0]))
    for b in range(points.shape[0]):
        for k in range(places.shape[0]):
            good, wrong, hidden = _counts(
                points[b], facing[b], chroma[b], places[k], depth, seen, cam, table, tolerance_m
            )  # fmt: skip
            out[b, k] = good / (good + wrong + _HIDDEN_WEIGHT * hidden + _FEWEST)
    return out


@njit(nogil=True, cache=True)
def contradicted(
    points: Array, facing: Array, chroma: Array, places: Array, depth: Array, seen: Array, cam: Array, table: Array,
    tolerance_m: float,
) -> Array:  # fmt: skip
    """(T,) how many of an object's points the frame contradicts at each place; those in a wrong colour count half.

    Arguments as those of ``scan``, of one turn: ``points`` (N, 3), ``facing`` (N,), ``chroma`` (N, 2).
    """
    out = np.zeros(places.shape[0])
    for k in range(places.shape[0]):
        out[k] = _counts(points, facing, chroma, places[k], depth, seen, cam, table, tolerance_m)[1]
    return out


@njit(nogil=True, cache=True)
def _counts(
    points: Array, facing: Array, chroma: Array, place: Array, depth: Array, seen: Array, cam: Array,
    table: Array, tolerance_m: float,
) -> tuple[float, float, float]:  # fmt: skip
    """How many points agree, contradict, and are behind something else or out of view."""
    height, width = depth.shape
    good, wrong, hidden = 0.0, 0.0, 0.0
    for i in range(points.shape[0]):
        if facing[i] <= 0.0:
            continue
        z = points[i, 2] + place[2]
        if z < _NEAREST_M:
            continue
        u = round((points[i, 0] + place[0]) / z * cam[0] + cam[2])
        v = round((points[i, 1] + place[1]) / z * cam[1] + cam[3])
        if u < 0 or v < 0 or u >= width or v >= height:
            hidden += 1.0
            continue
        d = depth[v, u]
        if d == 0.0:
            continue
        gap = (abs(d) - z) * facing[i]
        if gap > tolerance_m or (d < 0.0 and gap >= -tolerance_m):
            wrong += 1.0
        elif gap < -tolerance_m:
            hidden += 1.0
        else:
            green = table[seen[v, u, 1]]
            red, blue = table[seen[v, u, 0]] - green, table[seen[v, u, 2]] - green
            off = (red - chroma[i, 0]) ** 2 + (blue - chroma[i, 1]) ** 2
            alike = 1.0 / (1.0 + off / (_CHROMA * _CHROMA))
            good += alike
            wrong += _OTHER_COLOUR * (1.0 - alike)
    return good, wrong, hidden
