"""Kernels that align points of a model with a depth image and, where given, with places in the colour image."""

import numpy as np
from numba import njit

from estimators.geometric.match import match
from estimators.geometric.outline import outline_rows
from estimators.geometric.solve import add_row, solve6, turn_by
from schemas.arrays import Array

_NEAREST_M = 0.05
_SCALE_SIGMA = 0.03  # by how much the sizes in picture, depth and mesh may disagree


@njit(nogil=True, cache=True)
def depth_rows(
    points: Array, normals: Array, R: Array, t: Array, matches: Array, trust: Array, H: Array, g: Array
) -> None:
    """Add one point-to-plane row for each match, along the model's normal.

    ``trust`` is (2,): the standard deviation of a residual in metres and the scale in metres of the
    Geman-McClure weight; see ``match`` for the rest.
    """
    p, n = np.empty(3), np.empty(3)
    for i in range(points.shape[0]):
        if matches[i, 3] == 0.0:
            continue
        residual = 0.0
        for k in range(3):
            p[k] = R[k, 0] * points[i, 0] + R[k, 1] * points[i, 1] + R[k, 2] * points[i, 2]
            n[k] = R[k, 0] * normals[i, 0] + R[k, 1] * normals[i, 1] + R[k, 2] * normals[i, 2]
            residual += n[k] * (matches[i, k] - p[k] - t[k])
        cut = trust[1] * trust[1]
        robust = cut / (cut + residual * residual)
        add_row(p, n, residual, robust * robust / (trust[0] * trust[0]), H, g)


@njit(nogil=True, cache=True)
def pixel_rows(points: Array, places: Array, R: Array, t: Array, cam: Array, trust: Array, H: Array, g: Array) -> None:
    """Add two reprojection rows for each point (N, 3) that was seen at ``places`` (N, 2) pixels.

    A common scale of all places about the object's centre is solved for beside the pose and left out of it (Schur
    complement): where the sensor's depth, its focal length and the size of the mesh disagree by a percent, the
    picture would else pull the object along the viewing axis, away from its depth.
    ``trust`` is (2,): standard deviation and scale of the Geman-McClure weight, pixels.
    """
    p, d = np.empty(3), np.empty(3)
    mixed, power, pull = np.zeros(6), 1.0 / (_SCALE_SIGMA * _SCALE_SIGMA), 0.0
    center_u, center_v = cam[0] * t[0] / t[2] + cam[2], cam[1] * t[1] / t[2] + cam[3]
    for i in range(points.shape[0]):
        for k in range(3):
            p[k] = R[k, 0] * points[i, 0] + R[k, 1] * points[i, 1] + R[k, 2] * points[i, 2]
        x, y, z = p[0] + t[0], p[1] + t[1], p[2] + t[2]
        if z < _NEAREST_M:
            continue
        u, v = cam[0] * x / z + cam[2], cam[1] * y / z + cam[3]
        du, dv = places[i, 0] - u, places[i, 1] - v
        cut = trust[1] * trust[1]
        robust = cut / (cut + du * du + dv * dv)
        weight = robust * robust / (trust[0] * trust[0])
        d[0], d[1], d[2] = cam[0] / z, 0.0, -cam[0] * x / (z * z)
        add_row(p, d, du, weight, H, g)
        power, pull = _add_scale(p, d, u - center_u, du, weight, mixed, power, pull)
        d[0], d[1], d[2] = 0.0, cam[1] / z, -cam[1] * y / (z * z)
        add_row(p, d, dv, weight, H, g)
        power, pull = _add_scale(p, d, v - center_v, dv, weight, mixed, power, pull)
    for i in range(6):
        g[i] -= mixed[i] * pull / power
        for j in range(i + 1):
            H[i, j] -= mixed[i] * mixed[j] / power


@njit(nogil=True, cache=True, inline="always")
def _add_scale(
    p: Array, d: Array, reach: float, residual: float, weight: float, mixed: Array, power: float, pull: float
) -> tuple[float, float]:
    """The scale's share of one row: mixed (6,) with the pose, alone, and with the residual."""
    mixed[0] += weight * reach * (p[1] * d[2] - p[2] * d[1])
    mixed[1] += weight * reach * (p[2] * d[0] - p[0] * d[2])
    mixed[2] += weight * reach * (p[0] * d[1] - p[1] * d[0])
    for k in range(3):
        mixed[3 + k] += weight * reach * d[k]
    return power + weight * reach * reach, pull + weight * reach * residual


@njit(nogil=True, cache=True)
def _update(
    points: Array, normals: Array, texture: Array, places: Array, outline: tuple[Array, ...], R: Array, t: Array,
    matches: Array, cam: Array, trust: Array, pixel_trust: Array, damping: Array, H: Array, by_depth: Array,
) -> bool:  # fmt: skip
    """One damped step from given matches; see ``refine`` for H and by_depth. False where there is no step."""
    g, step = np.zeros(6), np.zeros(6)
    H[:] = 0.0
    depth_rows(points, normals, R, t, matches, trust, H, g)
    by_depth[:6], by_depth[6] = H, g
    pixel_rows(texture, places, R, t, cam, pixel_trust, H, g)
    outline_rows(outline[0], outline[1], outline[2], R, t, outline[3], H, g)
    if not solve6(H + damping, g, step):
        return False
    turn_by(step[:3], R)
    t += step[3:]
    return True


@njit(nogil=True, cache=True)
def refine(
    points: Array, normals: Array, texture: Array, places: Array, outline: tuple[Array, ...], R: Array, t: Array,
    depth: Array, cam: Array, plan: Array, pixel_trust: Array, damping: Array, H: Array, by_depth: Array,
) -> None:  # fmt: skip
    """Move a pose (R, t in place) so that the model's points fit depth and colour; two steps a round of matching.

    Args:
        points: See ``match``, as are R, t, depth and cam.
        normals: (N, 3) float64 unit normals about the centre.
        texture: (M, 3) float64 points about the centre that were found again in the colour image.
        places: (M, 2) float64 pixels where they were found.
        outline: Points (L, 3), normals (L, 2), ends (L, 4) and camera (4,) of ``outline_rows``.
        R: (3, 3).
        t: (3,).
        depth: (H, W).
        cam: (4,).
        plan: (P, 4) float64, one round each: search radius, stride, sigma and robust scale, metres.
        pixel_trust: See ``pixel_rows``.
        damping: (6, 6) float64 Tikhonov terms for turn and shift.
        H: (6, 6) float64, becomes the information of the last step, without damping (lower half).
        by_depth: (7, 6) float64, becomes the share of depth in it, and in the last row where depth alone pulls.
    """
    matches = np.zeros((points.shape[0], 4))
    for k in range(plan.shape[0]):
        match(points, R, t, depth, cam, plan[k, :2], matches)
        for _ in range(2):
            if not _update(
                points, normals, texture, places, outline, R, t, matches, cam, plan[k, 2:], pixel_trust, damping, H,
                by_depth,
            ):  # fmt: skip
                break


@njit(nogil=True, cache=True)
def refine_all(
    points: Array, normals: Array, view: Array, R: Array, t: Array, depth: Array, cam: Array, plan: Array,
    damping: Array,
) -> None:  # fmt: skip
    """Move many hypotheses (R, t in place) by depth, each with the points of its own view.

    Args:
        points: (V, N, 3) float64.
        normals: (V, N, 3) float64.
        view: (B,) int64, the view of each hypothesis.
        R: (B, 3, 3) float64.
        t: (B, 3) float64.
        depth: See ``match``.
        cam: (4,).
        plan: See ``refine``.
        damping: (6, 6).
    """
    nothing, nowhere = np.zeros((0, 3)), np.zeros((0, 2))
    outline = (nothing, nowhere, np.zeros((0, 4)), np.ones(4))
    H, by_depth, trust = np.zeros((6, 6)), np.zeros((7, 6)), np.ones(2)
    for b in range(R.shape[0]):
        own, facing = points[view[b]], normals[view[b]]
        refine(
            own, facing, nothing, nowhere, outline, R[b], t[b], depth, cam, plan, trust, damping, H, by_depth,
        )  # fmt: skip
