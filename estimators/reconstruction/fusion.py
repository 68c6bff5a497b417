"""Depth pictures to one field of signed distances: Curless and Levoy 1996, with masks where they are known."""

from collections.abc import Callable

import cv2
import numpy as np
from numba import njit

from estimators.reconstruction.grid import Grid
from estimators.reconstruction.view import View
from schemas.arrays import Array

_BAND_STEPS = 4.0
_LEAST_COSINE = 0.2
_FAR_M = 100.0
_SMOOTH_PX = 1.5
_JUMP = 0.02
"""Of the distance between neighbouring pixels: more is an edge, where sensors mix what is before and behind."""


def fuse_depth(grid: Grid, views: list[View], on_view: Callable[[int, int], None]) -> tuple[Array, Array]:
    """The mean signed distance along the rays of all depth pictures, cut off at four steps.

    Pixels beside a jump in depth and such as are seen at a grazing angle are left out. A pixel beyond the mask says
    only that what is before its depth is empty.

    Args:
        grid: The points.
        views: With depth.
        on_view: Called with views done and views in all.

    Returns:
        (X, Y, Z) float32 metres, negative inside, and (X, Y, Z) float32 weights, 0 where nothing was measured.
    """
    field, weight = np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.float32)
    band_m = _BAND_STEPS * grid.step_m
    for k, view in enumerate(views):
        assert view.depth_m is not None  # noqa: S101 - by contract
        trust = pixel_trust(view)
        seen = np.ones(view.size_px, np.bool_) if view.mask is None else view.mask
        pose = np.ascontiguousarray(view.cam_from_obj[:3])
        _integrate(field, weight, pose, view.K, grid.origin_m, grid.step_m, view.depth_m, seen, trust, band_m)
        on_view(k + 1, len(views))
    return field, weight


def pixel_trust(view: View) -> Array:
    """(H, W) float32 from 0 to 1: how squarely the surface is looked at; 0 without depth or beside a jump in it."""
    depth_m = view.depth_m
    assert depth_m is not None  # noqa: S101 - by contract
    high = cv2.dilate(depth_m, np.ones((3, 3), np.uint8))
    low = cv2.erode(np.where(depth_m > 0, depth_m, np.float32(_FAR_M)), np.ones((3, 3), np.uint8))
    sound = (depth_m > 0) & (high - low < _JUMP * depth_m)
    share = cv2.GaussianBlur((depth_m > 0).astype(np.float32), (0, 0), _SMOOTH_PX)
    smooth = cv2.GaussianBlur(depth_m, (0, 0), _SMOOTH_PX) / np.maximum(share, np.float32(1e-6))
    dx, dy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8)
    metres_a_pixel = np.maximum(depth_m, 1e-3) / np.float32(view.K[0, 0])
    cosine = 1 / np.sqrt(1 + (dx / metres_a_pixel) ** 2 + (dy / metres_a_pixel) ** 2)
    return np.where(sound & (cosine > _LEAST_COSINE), cosine, 0).astype(np.float32)


@njit(cache=True, nogil=True)
def _integrate(  # pragma: no cover - compiled
    field: Array, weight: Array, T: Array, K: Array, origin_m: Array, step_m: float, depth_m: Array, seen: Array,
    trust: Array, band_m: float,
) -> None:  # fmt: skip
    height, width = depth_m.shape
    for i in range(field.shape[0]):
        x = origin_m[0] + i * step_m
        for j in range(field.shape[1]):
            y = origin_m[1] + j * step_m
            for k in range(field.shape[2]):
                z = origin_m[2] + k * step_m
                pz = T[2, 0] * x + T[2, 1] * y + T[2, 2] * z + T[2, 3]
                if pz <= 1e-6:
                    continue
                u = K[0, 0] * (T[0, 0] * x + T[0, 1] * y + T[0, 2] * z + T[0, 3]) / pz + K[0, 2]
                v = K[1, 1] * (T[1, 0] * x + T[1, 1] * y + T[1, 2] * z + T[1, 3]) / pz + K[1, 2]
                c, r = int(np.floor(u + 0.5)), int(np.floor(v + 0.5))
                if c < 0 or r < 0 or c >= width or r >= height or trust[r, c] <= 0:
                    continue
                ahead = depth_m[r, c] - pz
                if ahead < -band_m or (not seen[r, c] and ahead < band_m):
                    continue
                w = trust[r, c]
                ahead = min(ahead * w, band_m)  # along the normal, not the ray
                field[i, j, k] = (field[i, j, k] * weight[i, j, k] + ahead * w) / (weight[i, j, k] + w)
                weight[i, j, k] += w
