"""Kernels that align an outline with where an object's colours end, and a pose with all that is known of it."""

import numpy as np
from numba import njit

from estimators.geometric.backdrop import STILL_FRONT, STILL_UNKNOWN
from estimators.geometric.likelihood import HIDDEN, own_density
from estimators.geometric.solve import add_row
from schemas.arrays import Array

MOST = 2.0
_SEGMENTS = 9  # of a line on each side, beside the middle one
_OFFSETS = 6  # places tried for the outline on each side
_AMPLITUDE, _SLOPE = (
    0.43,
    0.5,
)  # of the smoothed step: how far a pixel's colour may be trusted, how sharp the outline is
_LEAST_VARIANCE = 0.15  # of a segment squared
_NEAREST_M = 0.05
_SKIN_PX, _MAYBE_FRONT = 2.0, 8.0


@njit(nogil=True, cache=True)
def _segment_odds(
    u: float, v: float, n: Array, reach: Array, tints: Array, without: Array, hidden: Array, inner: Array, step_px: int,
    out: Array,
) -> int:  # fmt: skip
    """Write the summed log-odds of 19 segments along a line; returns how many of them lie in the picture."""
    size = tints.shape[0]
    seen = 0
    for k in range(-_SEGMENTS, _SEGMENTS + 1):
        total, count = 0.0, 0
        middle = k * step_px
        if -reach[0] <= middle <= reach[1]:
            for j in range(step_px):
                along = middle + j - 0.5 * (step_px - 1)
                column, row = round(u + along * n[0]), round(v + along * n[1])
                if row < 0 or column < 0 or row >= size or column >= size or np.isnan(without[row, column]):
                    continue
                own = 0.0
                for c in range(inner.shape[0]):
                    own += own_density(tints[row, column], inner[c], 0.0, 0.0)
                odds = np.log((1 - HIDDEN) * own / inner.shape[0] + hidden[row, column]) - without[row, column]
                total += min(MOST, max(-MOST, odds))
                count += 1
        out[k + _SEGMENTS] = total
        seen += 1 if count > 0 else 0
    return seen


@njit(nogil=True, cache=True)
def _where(line: Array, step: Array, out: Array) -> bool:
    """Write mean and variance (segments) of the outline's place on a line; False where it ends nowhere on it."""
    count = 2 * _OFFSETS + 1
    chance = np.zeros(count)
    best, top = -1, -1e30
    for d in range(count):
        total = 0.0
        for k in range(2 * _SEGMENTS + 1):
            h = step[k - d + count - 1]
            total += np.log(h * line[k] + (1.0 - h) * (1.0 - line[k]))
        chance[d] = total
        if total > top:
            top, best = total, d
    if best == 0 or best == count - 1:
        return False
    whole, mean, square = 0.0, 0.0, 0.0
    for d in range(count):
        p = np.exp(chance[d] - top)
        whole += p
        mean += p * (d - _OFFSETS)
        square += p * (d - _OFFSETS) * (d - _OFFSETS)
    out[0] = mean / whole
    out[1] = max(square / whole - out[0] * out[0], 0.0) + _LEAST_VARIANCE
    return True


@njit(nogil=True, cache=True, inline="always")
def _may_be_in_front(u: float, v: float, along: float, n: Array, aside: Array) -> bool:
    """Whether what stands still on a line, where the object should be, may hide it: its outline is no end of it."""
    last = aside.shape[0] - 1
    column, row = min(max(round(u + along * n[0]), 0), last), min(max(round(v + along * n[1]), 0), last)
    return aside[row, column] == STILL_UNKNOWN or aside[row, column] == STILL_FRONT


@njit(nogil=True, cache=True)
def sense(
    points: Array, normals: Array, reach: Array, R: Array, t: Array, cam: Array, tints: Array, without: Array,
    hidden: Array, inner: Array, aside: Array, step_px: int, out: Array,
) -> int:  # fmt: skip
    """For each point of an outline, where along its normal the object ends.

    Args:
        points: (N, 3) float64 about the object's centre.
        normals: (N, 2) float64 unit in the image, outwards.
        reach: (N, 2) float64, see ``Contour``.
        R: (3, 3) float64 rotation of cam_from_centre.
        t: (3,) float64 metres.
        cam: (4,) float64 fx, fy, cx, cy of the crop.
        tints: (S, S, 3) float32 of the crop, see ``likelihood.Sight`` for this and the next two.
        without: (S, S) float32.
        hidden: (S, S) float32.
        inner: (N, K, 3) float32 tints that the object should have along the inner half of each line.
        aside: (S, S) uint8, see ``backdrop.shown``.
        step_px: Length of a segment.
        out: (N, 4) float64, becomes (u, v) of the place found, its variance in squared pixels and 1, or 0 where the
            line says nothing.

    Returns:
        How many lines say something.
    """
    size = tints.shape[0]
    span = 2 * _OFFSETS + 2 * _SEGMENTS + 1
    step = np.empty(span)
    for k in range(span):
        x = k - (2 * _OFFSETS) - _SEGMENTS + _OFFSETS
        step[k] = 0.5 - _AMPLITUDE * np.tanh(x / (2.0 * _SLOPE))
    line, place, p = np.empty(2 * _SEGMENTS + 1), np.empty(2), np.empty(3)
    found = 0
    for i in range(points.shape[0]):
        out[i, 3] = 0.0
        for k in range(3):
            p[k] = R[k, 0] * points[i, 0] + R[k, 1] * points[i, 1] + R[k, 2] * points[i, 2] + t[k]
        if p[2] < _NEAREST_M:
            continue
        u, v = cam[0] * p[0] / p[2] + cam[2], cam[1] * p[1] / p[2] + cam[3]
        if u < 0 or v < 0 or u > size - 1 or v > size - 1:
            continue
        if _segment_odds(u, v, normals[i], reach[i], tints, without, hidden, inner[i], step_px, line) < _OFFSETS:
            continue
        for k in range(line.shape[0]):
            line[k] = 1.0 / (1.0 + np.exp(-line[k]))
        if _where(line, step, place):
            out[i, 0] = u + place[0] * step_px * normals[i, 0]
            out[i, 1] = v + place[0] * step_px * normals[i, 1]
            out[i, 2] = place[1] * step_px * step_px
            out[i, 3] = 1.0
            if place[0] * step_px < -_SKIN_PX and _may_be_in_front(u, v, 0.5 * place[0] * step_px, normals[i], aside):
                out[i, 2] *= _MAYBE_FRONT
            found += 1
    return found


@njit(nogil=True, cache=True)
def _image_row(p: Array, t: Array, cam: Array, n: Array, at: Array, direction: Array) -> float:
    """Write how a point moves along ``n`` (2,) in the image; returns how far it is from ``at`` along it, pixels."""
    x, y, z = p[0] + t[0], p[1] + t[1], p[2] + t[2]
    du, dv = at[0] - (cam[0] * x / z + cam[2]), at[1] - (cam[1] * y / z + cam[3])
    direction[0], direction[1] = n[0] * cam[0] / z, n[1] * cam[1] / z
    direction[2] = -(n[0] * cam[0] * x + n[1] * cam[1] * y) / (z * z)
    return n[0] * du + n[1] * dv


@njit(nogil=True, cache=True)
def line_rows(
    points: Array, normals: Array, R: Array, t: Array, cam: Array, lines: Array, cut_px: float, weight: float, H: Array,
    g: Array,
) -> None:  # fmt: skip
    """Add one row for each line of ``sense``; ``cut_px`` is its Geman-McClure scale, ``weight`` a factor."""
    p, d = np.empty(3), np.empty(3)
    for i in range(points.shape[0]):
        if lines[i, 3] == 0.0:
            continue
        for k in range(3):
            p[k] = R[k, 0] * points[i, 0] + R[k, 1] * points[i, 1] + R[k, 2] * points[i, 2]
        if p[2] + t[2] < _NEAREST_M:
            continue
        residual = _image_row(p, t, cam, normals[i], lines[i, :2], d)
        cut = cut_px * cut_px
        robust = cut / (cut + residual * residual)
        add_row(p, d, residual, weight * robust * robust / lines[i, 2], H, g)


@njit(nogil=True, cache=True)
def place_rows(points: Array, places: Array, R: Array, t: Array, cam: Array, trust: Array, H: Array, g: Array) -> None:
    """Add two reprojection rows for each point (N, 3) that was seen at ``places`` (N, 2) pixels, scale included.

    ``trust`` is (2,): standard deviation and scale of the Geman-McClure weight, pixels.
    """
    p, d, n = np.empty(3), np.empty(3), np.zeros(2)
    cut = trust[1] * trust[1]
    for i in range(points.shape[0]):
        for k in range(3):
            p[k] = R[k, 0] * points[i, 0] + R[k, 1] * points[i, 1] + R[k, 2] * points[i, 2]
        if p[2] + t[2] < _NEAREST_M:
            continue
        n[0], n[1] = 1.0, 0.0
        du = _image_row(p, t, cam, n, places[i], d)
        n[0], n[1] = 0.0, 1.0
        dv = _image_row(p, t, cam, n, places[i], d)
        robust = cut / (cut + du * du + dv * dv)
        weight = robust * robust / (trust[0] * trust[0])
        add_row(p, d, dv, weight, H, g)
        n[0], n[1] = 1.0, 0.0
        _image_row(p, t, cam, n, places[i], d)
        add_row(p, d, du, weight, H, g)


@njit(nogil=True, cache=True)
def prior_rows(R: Array, t: Array, R0: Array, t0: Array, prior: Array, H: Array, g: Array) -> None:
    """Hold a pose near another one with the information ``prior`` (6, 6) about it."""
    e = np.zeros(6)  # half of the cross products of the two frames' axes: a small turn from R to R0
    for k in range(3):
        e[0] += 0.5 * (R[1, k] * R0[2, k] - R[2, k] * R0[1, k])
        e[1] += 0.5 * (R[2, k] * R0[0, k] - R[0, k] * R0[2, k])
        e[2] += 0.5 * (R[0, k] * R0[1, k] - R[1, k] * R0[0, k])
        e[3 + k] = t0[k] - t[k]
    for i in range(6):
        for j in range(6):
            g[i] += prior[i, j] * e[j]
            if j <= i:
                H[i, j] += prior[i, j]
