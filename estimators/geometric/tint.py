"""Kernels that compare the colours of points of a surface with the image, as far as depth finds them in place."""

import numpy as np
from numba import njit

from schemas.arrays import Array

_CHROMA_FLOOR, _LIGHT_FLOOR = 0.01, 0.02  # variances that noise alone can have
_FEWEST = 25.0
LOGS = np.log(np.arange(256) + 16.0)
"""Logarithm of every grey level, raised so that noise in the dark says little."""
LOGS_32 = np.log(np.arange(256, dtype=np.float32) + 16.0)
"""The same as float32."""


def tints(rgb: Array) -> Array:
    """(..., 3) log red over green, log blue over green and mean log of colours (..., 3) of 0 to 255, floating point."""
    logs = np.log(rgb + 16.0)
    return np.stack([logs[..., 0] - logs[..., 1], logs[..., 2] - logs[..., 1], logs.mean(axis=-1)], axis=-1)


def relief_of(tinted: Array) -> float:
    """How much of colour or brightness there is to compare on a surface, 0 to 1; ``tinted`` as ``tints`` gives it."""
    chroma, light = float(tinted[:, :2].var(axis=0).sum()), float(tinted[:, 2].var())
    return max(chroma / (chroma + 4 * _CHROMA_FLOOR), light / (light + 4 * _LIGHT_FLOOR))


@njit(nogil=True, cache=True)
def alike(
    points: Array, normals: Array, tinted: Array, R: Array, t: Array, depth: Array, cam: Array, rgb: Array, table: Array
) -> Array:
    """(B,) likeness of the colours at placements, -1 to 1; -1 where too little is in place to compare.

    Args:
        points: (N, 3) float64 about the object's centre.
        normals: (N, 3) float64.
        tinted: (N, 3) float64 as ``tints`` gives it.
        R: (B, 3, 3) float64.
        t: (B, 3) float64, metres.
        depth: (H, W) float32 metres.
        cam: (4,) float64.
        rgb: (H / 2, W / 2, 3) uint8.
        table: ``LOGS``.
    """
    out = np.full(R.shape[0], -1.0)
    for b in range(R.shape[0]):
        colour = np.zeros(15)
        good, _, _ = agree(points, normals, tinted, R[b], t[b], depth, cam, rgb, table, True, colour)
        if good >= _FEWEST:
            out[b] = likeness_of(colour, good)
    return out


@njit(nogil=True, cache=True)
def agree(
    points: Array, normals: Array, logs: Array, R: Array, t: Array, depth: Array, cam: Array, rgb: Array, table: Array,
    textured: bool, colour: Array,
) -> tuple[float, float, float]:  # fmt: skip
    """Points measured in place, seen through and hidden; ``colour`` (15,) gathers the sums of their correlations."""
    height, width = depth.shape
    good, wrong, hidden = 0.0, 0.0, 0.0
    q, eye = np.empty(3), np.empty(3)
    for k in range(3):
        eye[k] = R[0, k] * t[0] + R[1, k] * t[1] + R[2, k] * t[2]
    for i in range(points.shape[0]):
        facing = _facing(points[i], normals[i], eye)
        if facing < 0.25:
            continue
        for k in range(3):
            q[k] = R[k, 0] * points[i, 0] + R[k, 1] * points[i, 1] + R[k, 2] * points[i, 2] + t[k]
        if q[2] < 0.05:
            continue
        u, v = round(q[0] / q[2] * cam[0] + cam[2]), round(q[1] / q[2] * cam[1] + cam[3])
        if u < 0 or v < 0 or u >= width or v >= height or not depth[v, u] > 0.0:
            continue
        gap = (depth[v, u] - q[2]) * facing
        tolerance = 0.006 + 0.008 * q[2] * q[2]
        if gap > tolerance:
            wrong += 1.0
        elif gap < -tolerance:
            hidden += 1.0
        else:
            good += 1.0
            if textured:
                _gather(rgb, min(u // 2, rgb.shape[1] - 1), min(v // 2, rgb.shape[0] - 1), table, logs[i], colour)
    return good, wrong, hidden


@njit(nogil=True, cache=True, inline="always")
def _facing(point: Array, normal: Array, eye: Array) -> float:
    """The cosine between a normal and the way to the camera, at ``-eye``, object's axes; 0 where it looks away."""
    along, square = 0.0, 0.0
    for k in range(3):
        way = point[k] + eye[k]
        along -= normal[k] * way
        square += way * way
    return along / np.sqrt(square) if along > 0.0 else 0.0


@njit(nogil=True, cache=True, inline="always")
def _gather(rgb: Array, u: int, v: int, table: Array, drawn: Array, colour: Array) -> None:
    r, g, b = table[rgb[v, u, 0]], table[rgb[v, u, 1]], table[rgb[v, u, 2]]
    for k in range(3):
        seen = r - g if k == 0 else (b - g if k == 1 else (r + g + b) / 3.0)
        colour[5 * k] += seen
        colour[5 * k + 1] += drawn[k]
        colour[5 * k + 2] += seen * seen
        colour[5 * k + 3] += drawn[k] * drawn[k]
        colour[5 * k + 4] += seen * drawn[k]


@njit(nogil=True, cache=True)
def likeness_of(colour: Array, count: float) -> float:
    """Correlation of colour and brightness, -1 to 1, from sums."""
    both, seen, drawn = np.zeros(2), np.zeros(2), np.zeros(2)
    for k in range(3):
        j = 0 if k < 2 else 1
        a, b = colour[5 * k] / count, colour[5 * k + 1] / count
        seen[j] += colour[5 * k + 2] / count - a * a
        drawn[j] += colour[5 * k + 3] / count - b * b
        both[j] += colour[5 * k + 4] / count - a * b
    chroma = both[0] / np.sqrt((seen[0] + _CHROMA_FLOOR) * (drawn[0] + _CHROMA_FLOOR))
    light = both[1] / np.sqrt((seen[1] + _LIGHT_FLOOR) * (drawn[1] + _LIGHT_FLOOR))
    return 0.6 * chroma + 0.4 * light
