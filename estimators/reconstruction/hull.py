"""The visual hull (Laurentini 1994) as a smooth field: how far inside all outlines each point of a grid lies."""

from collections.abc import Callable

import cv2
import numpy as np
from numba import njit

from estimators.reconstruction.grid import Grid
from estimators.reconstruction.view import View
from schemas.arrays import Array

_ONE_IN = 30
"""Of so many masks one may be wrong without cutting into the object."""
_FAR_PX = 1e6


def outline_distance(mask: Array) -> Array:
    """(H, W) float32, pixels to a mask's outline: positive outside, negative inside; it runs between pixels."""
    seen = mask.astype(np.uint8)
    if not seen.any():
        return np.full(mask.shape, _FAR_PX, np.float32)
    outside = cv2.distanceTransform(1 - seen, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    inside = cv2.distanceTransform(seen, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    smooth = np.where(seen, 0.5 - inside, outside - 0.5).astype(np.float32)
    return cv2.GaussianBlur(smooth, (0, 0), 0.7)


def hull_field(grid: Grid, views: list[View], on_view: Callable[[int, int], None]) -> Array:
    """How far outside the hull each point lies.

    Beyond the edge of a picture its outermost pixels count on; where those show the object, nothing is known. A point
    counts as far outside as its outline in the second (third, ...) worst of 30 (60, ...) photos says, so that a
    few wrong masks do no harm.

    Args:
        grid: The points.
        views: With masks.
        on_view: Called with views done and views in all.

    Returns:
        (X, Y, Z) float32 metres, negative inside.
    """
    worst = np.full((*grid.shape, 1 + len(views) // _ONE_IN), -np.inf, np.float32)
    for k, view in enumerate(views):
        assert view.mask is not None  # noqa: S101 - by contract
        focal = float(np.sqrt(view.K[0, 0] * view.K[1, 1]))
        projection = view.K @ view.cam_from_obj[:3]
        _carve(worst, projection, grid.origin_m, grid.step_m, outline_distance(view.mask), focal)
        on_view(k + 1, len(views))
    field = worst[..., -1]
    field[~np.isfinite(field)] = grid.step_m
    return np.ascontiguousarray(field)


@njit(cache=True, nogil=True)
def _carve(  # pragma: no cover - compiled
    worst: Array, P: Array, origin_m: Array, step_m: float, distance_px: Array, focal_px: float
) -> None:
    height, width = distance_px.shape
    kept = worst.shape[3]
    for i in range(worst.shape[0]):
        x = origin_m[0] + i * step_m
        for j in range(worst.shape[1]):
            y = origin_m[1] + j * step_m
            for k in range(worst.shape[2]):
                z = origin_m[2] + k * step_m
                w = P[2, 0] * x + P[2, 1] * y + P[2, 2] * z + P[2, 3]
                if w <= 1e-6:
                    continue
                u = (P[0, 0] * x + P[0, 1] * y + P[0, 2] * z + P[0, 3]) / w
                v = (P[1, 0] * x + P[1, 1] * y + P[1, 2] * z + P[1, 3]) / w
                within = u >= 0 and v >= 0 and u <= width - 1 and v <= height - 1
                u, v = min(max(u, 0.0), width - 1.001), min(max(v, 0.0), height - 1.001)
                c, r = int(u), int(v)
                a, b = u - c, v - r
                top = distance_px[r, c] * (1 - a) + distance_px[r, c + 1] * a
                low = distance_px[r + 1, c] * (1 - a) + distance_px[r + 1, c + 1] * a
                value = (top * (1 - b) + low * b) * w / focal_px
                if not within and value <= 0:
                    continue  # the picture's edge cuts the object: nothing is known beyond
                for s in range(kept):
                    if value > worst[i, j, k, s]:
                        value, worst[i, j, k, s] = worst[i, j, k, s], np.float32(value)
