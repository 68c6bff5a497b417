"""The outline of a render: where the object should end in the image."""

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

from estimators.geometric.look import Look
from estimators.geometric.placement import Placement
from schemas.arrays import Array

_POINTS = 150
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
SMOOTH_PX, SHARP_PX = 3.0, 1.5
"""Of the outline: normals that waver seem to tell the turn of a round object about its axis."""
_INNER_PX = np.array([1.5, 4.0, 8.0])
_FARTHEST_PX = 80  # of the crop, along a line
_SKIN_PX = 2  # outlines of the render are jagged: crossings nearer than this are none


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """Points of an outline.

    Attributes:
        points: (N, 3) float64 about the object's centre, metres.
        normals: (N, 2) float64 in the image, unit, outwards.
        reach_px: (N, 2) float64 pixels of the crop along the normal, inwards and outwards, until the render
            leaves or enters the object again.
        at_px: (N, 2) float64 where they are in the crop.
    """

    points: Array
    normals: Array
    reach_px: Array
    at_px: Array


def find_contour(look: Look, placement: Placement, blur_px: float, without: Array | None = None) -> Contour:
    """About 150 points, evenly along the outline that was drawn from a placement; none where nothing was.

    Args:
        look: The render.
        placement: Where it was drawn.
        blur_px: How smooth its normals are: ``SMOOTH_PX`` or, for corners, ``SHARP_PX``.
        without: (S, S) bool, pixels at which no point is to be.
    """
    mask = look.mask.astype(np.uint8)
    border = (mask > 0) & (cv2.erode(mask, _CROSS, borderValue=1) == 0)
    rows, columns = np.nonzero(border if without is None else border & ~without)
    chosen = np.linspace(0, max(0, len(rows) - 1), min(_POINTS, len(rows))).astype(np.int64)
    rows, columns = rows[chosen], columns[chosen]
    soft = cv2.GaussianBlur(mask.astype(np.float32), (2 * round(2 * blur_px) + 1,) * 2, blur_px)
    slope_x, slope_y = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    normals = -np.stack([slope_x[rows, columns], slope_y[rows, columns]], axis=1).astype(np.float64)
    length = np.linalg.norm(normals, axis=1)
    kept = length > 1e-3
    rows, columns, normals = rows[kept], columns[kept], normals[kept] / length[kept, None]
    K, z = look.crop.K, look.depth_m[rows, columns].astype(np.float64)
    # the outline passes half a pixel outside of the last pixel's centre
    at = np.stack([columns, rows], axis=1) + 0.5 * normals
    seen = np.column_stack([(at - K[:2, 2]) / [K[0, 0], K[1, 1]] * z[:, None], z])
    points = np.ascontiguousarray((seen - placement.t) @ placement.R)
    reach = _reach(mask, np.ascontiguousarray(at), normals)
    return Contour(points, normals, reach, at)


def inner_colours(contour: Contour, look: Look, picture: Array) -> Array:
    """(N, 3, 3) uint8 colours of the render along the inner half of each line; its first one where it ends sooner."""
    size = look.mask.shape[0]
    way = 0.5 + np.minimum(_INNER_PX, contour.reach_px[:, :1] - 2)
    at = np.rint(contour.at_px[:, None] - np.maximum(way, 1.0)[..., None] * contour.normals[:, None])
    columns, rows = np.clip(at.astype(np.int64), 0, size - 1).transpose(2, 0, 1)
    drawn = look.mask[rows, columns]
    colours = picture[rows, columns]
    return np.where(drawn[..., None], colours, colours[:, :1])


@njit(nogil=True, cache=True)
def _reach(mask: Array, at: Array, normals: Array) -> Array:
    """(N, 2) pixels inwards and outwards until a line leaves the mask, or meets it again."""
    size = mask.shape[0]
    reach = np.full((at.shape[0], 2), 1e6)
    for i in range(at.shape[0]):
        for side in range(2):
            sign = -1.0 if side == 0 else 1.0
            for step in range(_SKIN_PX + 1, _FARTHEST_PX):
                column = round(at[i, 0] + sign * step * normals[i, 0])
                row = round(at[i, 1] + sign * step * normals[i, 1])
                if row < 0 or column < 0 or row >= size or column >= size:
                    break
                if (mask[row, column] > 0) != (side == 0):
                    reach[i, side] = step
                    break
    return reach
