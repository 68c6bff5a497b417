"""Kernel that goes through the points of a look once: where the sensor finds them, and how alike the colours are."""

import numpy as np
from numba import njit

from schemas.arrays import Array

_HIDDEN_M = 0.03
_FLAT = 0.01
_TINT = 0.03  # a variance of colour that is half worth comparing
_RELIEF_GREY = 30.0
_FEWEST = 8.0
INLIER, WRONG, HIDDEN, UNKNOWN, CHROMA, CONTRAST, RELIEF, TINT, RED, BLUE = range(10)
"""Places in the answer of ``tally``; see ``score.Evidence``."""


@njit(nogil=True, cache=True)
def tally(
    points: Array, normals: Array, rgb: Array, contrast: Array, R: Array, t: Array, depth: Array, cam: Array,
    crop_cam: Array, crop_rgb: Array, observed: Array,
) -> Array:  # fmt: skip
    """(10,) what speaks for a placement, in the order of the names above.

    A point counts as measured in place within 6 mm + 0.8 % of the squared depth, as facing the camera.

    Args:
        points: (N, 3) float64 about the object's centre.
        normals: (N, 3) float64.
        rgb: (N, 3) uint8 of the mesh.
        contrast: (N,) uint8 local contrast of the render.
        R: (3, 3) float64.
        t: (3,) float64 metres.
        depth: (H, W) float32 metres.
        cam: (4,) float64 of the frame.
        crop_cam: (4,) float64 of the crop.
        crop_rgb: (S, S, 3) uint8.
        observed: (S, S) uint8 local contrast of the crop.
    """
    counts, colour, light = np.zeros(4), np.zeros(10), np.zeros(5)
    q, seen, pair = np.empty(3), np.empty(3), np.empty(4)
    for i in range(points.shape[0]):
        kind = _kind(points[i], normals[i], R, t, depth, cam, q)
        counts[kind] += 1.0
        if kind != INLIER:
            continue
        u, v = q[0] / q[2] * crop_cam[0] + crop_cam[2], q[1] / q[2] * crop_cam[1] + crop_cam[3]
        for k in range(3):
            seen[k] = np.log(_bilinear(crop_rgb[:, :, k], u, v) + 16.0)
        pair[0], pair[1] = seen[0] - seen[1], seen[2] - seen[1]
        green = np.log(rgb[i, 1] + 16.0)
        pair[2], pair[3] = np.log(rgb[i, 0] + 16.0) - green, np.log(rgb[i, 2] + 16.0) - green
        for k in range(2):
            _add(pair[k], pair[k + 2], colour[5 * k : 5 * k + 5])
        _add(_bilinear(observed, u, v) - 128.0, contrast[i] - 128.0, light)
    out = np.zeros(10)
    for k in range(4):
        out[k] = counts[k] / max(1, points.shape[0])
    if counts[INLIER] >= _FEWEST:
        _compare(colour, light, counts[INLIER], out)
    return out


@njit(nogil=True, cache=True, inline="always")
def _kind(point: Array, normal: Array, R: Array, t: Array, depth: Array, cam: Array, q: Array) -> int:
    """What the sensor says of a point; ``q`` becomes its place in the camera's frame."""
    facing = 0.0
    for k in range(3):
        q[k] = R[k, 0] * point[0] + R[k, 1] * point[1] + R[k, 2] * point[2] + t[k]
    for k in range(3):
        facing += q[k] * (R[k, 0] * normal[0] + R[k, 1] * normal[1] + R[k, 2] * normal[2])
    if q[2] <= 0.0:
        return UNKNOWN
    facing = abs(facing) / np.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2])
    u, v = round(q[0] / q[2] * cam[0] + cam[2]), round(q[1] / q[2] * cam[1] + cam[3])
    if u < 0 or v < 0 or u >= depth.shape[1] or v >= depth.shape[0] or not depth[v, u] > 0.0:
        return UNKNOWN
    gap = depth[v, u] - q[2]
    if abs(gap) * facing < 0.006 + 0.008 * q[2] * q[2]:
        return INLIER
    return HIDDEN if gap < -_HIDDEN_M else WRONG


@njit(nogil=True, cache=True, inline="always")
def _bilinear(image: Array, u: float, v: float) -> float:
    """Value between four pixels; pixels outside count as 0."""
    left, top = int(np.floor(u)), int(np.floor(v))
    au, av, value = u - left, v - top, 0.0
    for dv in range(2):
        for du in range(2):
            row, column = top + dv, left + du
            if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
                value += (au if du else 1.0 - au) * (av if dv else 1.0 - av) * image[row, column]
    return value


@njit(nogil=True, cache=True, inline="always")
def _add(one: float, other: float, sums: Array) -> None:
    sums[0] += one
    sums[1] += other
    sums[2] += one * one
    sums[3] += other * other
    sums[4] += one * other


@njit(nogil=True, cache=True)
def _compare(colour: Array, light: Array, count: float, out: Array) -> None:
    """Correlations from sums; neither white balance nor a loss of saturation change that of colour."""
    seen, drawn, both = 0.0, 0.0, 0.0
    for k in range(2):
        sums = colour[5 * k : 5 * k + 5]
        seen += sums[2] - sums[0] * sums[0] / count
        drawn += sums[3] - sums[1] * sums[1] / count
        both += sums[4] - sums[0] * sums[1] / count
        out[RED + k] = (sums[0] - sums[1]) / count
    # a flat colour has nothing to correlate: its noise must not decide
    out[CHROMA] = both / np.sqrt((max(0.0, seen) + count * _FLAT) * (max(0.0, drawn) + count * _FLAT))
    variance = max(0.0, drawn) / count
    out[TINT] = variance / (variance + _TINT)
    seen, drawn = light[2] - light[0] * light[0] / count, light[3] - light[1] * light[1] / count
    if seen > 0.0 and drawn > 0.0:
        out[CONTRAST] = (light[4] - light[0] * light[1] / count) / np.sqrt(seen * drawn)
    out[RELIEF] = min(1.0, np.sqrt(max(0.0, drawn) / count) / _RELIEF_GREY)
