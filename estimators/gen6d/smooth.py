"""Smoothing for display as Gen6D's video program does it: corners of the box averaged over frames, then solved."""

from collections.abc import Sequence

import cv2
import numpy as np

from schemas.arrays import Array

FRAMES, WIDTH = 5, 2.5


def box_corners(low: Array, high: Array) -> Array:
    """(8, 3) corners of a box: round its lower face by (x-, y-), (x-, y+), (x+, y+), (x+, y-), then the upper one."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    ring = ((x0, y0), (x0, y1), (x1, y1), (x1, y0))
    return np.array([(x, y, z) for z in (z0, z1) for x, y in ring])


def smoothed_corners(latest: Sequence[Array], frames: int = FRAMES, width: float = WIDTH) -> Array:
    """(8, 2) weighted mean of the corners in the last frames.

    Args:
        latest: (8, 2) pixels each, the newest last.
        frames: How many count, at most.
        width: Weights are exp(-(age / width)^2).
    """
    kept = np.stack(latest[-frames:])
    weights = np.exp(-((np.arange(len(kept))[::-1] / width) ** 2))
    return np.einsum("k,kij->ij", weights / weights.sum(), kept)


def pose_of_corners(corners: Array, corners_px: Array, K: Array) -> Array:
    """(3, 4) cam_from_obj that shows corners (8, 3) at pixels (8, 2), by iterative PnP without distortion."""
    points, pixels, inner = (np.ascontiguousarray(part, np.float64) for part in (corners, corners_px, K))
    _, turn, place = cv2.solvePnP(points, pixels, inner, np.zeros(4), flags=cv2.SOLVEPNP_ITERATIVE)
    return np.concatenate([cv2.Rodrigues(turn)[0], place], axis=1)
