"""Rows for every pixel of a render with contrast: what is left between it and the image, along the image's slope."""

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numba import njit

from estimators.geometric.solve import add_row
from schemas.arrays import Array

if TYPE_CHECKING:
    from estimators.geometric.fit import Look, Placement

_MOST = 400
_LEAST_SLOPE = 4.0  # of local contrast a pixel
_NEAREST_M = 0.05
_COLOUR_BLUR_PX, _OTHER_COLOUR = 2.0, 0.5  # the latter of a logarithm
_BORDER = np.ones((3, 3), np.uint8)


class Dense(NamedTuple):
    """Pixels of a render to be found in the image.

    Attributes:
        points: (N, 3) float64 about the object's centre.
        values: (N,) float64 local contrast of the render.
        slopes: (N, 2) float64 its slope, a pixel.
        observed: (S, S) float32 local contrast of the crop of the frame, blurred as the render.
        cam: (4,) float64 fx, fy, cx, cy of the crop.
    """

    points: Array
    values: Array
    slopes: Array
    observed: Array
    cam: Array


def dense_of(look: "Look", placement: "Placement", blur_px: float) -> Dense:
    """Up to 400 pixels of a look with contrast, both pictures blurred; none where the mesh has none."""
    rendered, observed = (
        cv2.GaussianBlur(picture.astype(np.float32), (0, 0), blur_px) for picture in (look.rendered, look.observed)
    )
    slope_x, slope_y = (cv2.Sobel(rendered, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
    inner = cv2.erode(look.mask.astype(np.uint8), _BORDER, borderValue=0, iterations=2) > 0
    rows, columns = np.nonzero(inner & (slope_x * slope_x + slope_y * slope_y > _LEAST_SLOPE**2))
    chosen = np.linspace(0, max(0, len(rows) - 1), min(_MOST, len(rows))).astype(np.int64)
    rows, columns = rows[chosen], columns[chosen]
    kept = _alike(look, rows, columns)
    rows, columns = rows[kept], columns[kept]
    K, z = look.crop.K, look.depth_m[rows, columns].astype(np.float64)
    seen = np.stack([(columns - K[0, 2]) / K[0, 0] * z, (rows - K[1, 2]) / K[1, 1] * z, z], axis=1)
    slopes = np.stack([slope_x[rows, columns], slope_y[rows, columns]], axis=1).astype(np.float64)
    return Dense(
        np.ascontiguousarray((seen - placement.t) @ placement.R),
        rendered[rows, columns].astype(np.float64),
        slopes,
        observed,
        np.array([K[0, 0], K[1, 1], K[0, 2], K[1, 2]]),
    )


def _alike(look: "Look", rows: Array, columns: Array) -> Array:
    """(N,) bool, pixels that do not show quite another colour: something in front has edges too."""
    if not len(rows):
        return np.zeros(0, np.bool_)
    logs = [
        np.log(cv2.GaussianBlur(picture, (0, 0), _COLOUR_BLUR_PX)[rows, columns].astype(np.float32) + 16)
        for picture in (look.picture, look.crop.rgb)
    ]
    off = logs[1] - logs[0]
    ratios = off[:, (0, 2)] - off[:, 1:2]
    return np.linalg.norm(ratios - np.median(ratios, axis=0), axis=1) < _OTHER_COLOUR


@njit(nogil=True, cache=True, inline="always")
def _bilinear(image: Array, u: float, v: float) -> float:
    x, y = int(u), int(v)
    a, b = u - x, v - y
    upper = (1.0 - a) * image[y, x] + a * image[y, x + 1]
    return (1.0 - b) * upper + b * ((1.0 - a) * image[y + 1, x] + a * image[y + 1, x + 1])


@njit(nogil=True, cache=True)
def dense_rows(dense: Dense, R: Array, t: Array, sigma: float, cut: float, H: Array, g: Array) -> None:
    """Add one row a pixel; ``sigma`` and ``cut`` (of the Geman-McClure weight) are in local contrast."""
    p, d = np.empty(3), np.empty(3)
    size, cam = dense.observed.shape[0], dense.cam
    for i in range(dense.points.shape[0]):
        for k in range(3):
            p[k] = R[k, 0] * dense.points[i, 0] + R[k, 1] * dense.points[i, 1] + R[k, 2] * dense.points[i, 2]
        x, y, z = p[0] + t[0], p[1] + t[1], p[2] + t[2]
        if z < _NEAREST_M:
            continue
        u, v = cam[0] * x / z + cam[2], cam[1] * y / z + cam[3]
        if u < 1 or v < 1 or u >= size - 2 or v >= size - 2:
            continue
        # the mean of both pictures' slopes converges from twice as far (ESM, Benhimane and Malis 2004)
        gx = (
            0.25 * (_bilinear(dense.observed, u + 1, v) - _bilinear(dense.observed, u - 1, v))
            + 0.5 * dense.slopes[i, 0]
        )
        gy = (
            0.25 * (_bilinear(dense.observed, u, v + 1) - _bilinear(dense.observed, u, v - 1))
            + 0.5 * dense.slopes[i, 1]
        )
        residual = dense.values[i] - _bilinear(dense.observed, u, v)
        robust = cut * cut / (cut * cut + residual * residual)
        d[0], d[1] = gx * cam[0] / z, gy * cam[1] / z
        d[2] = -(gx * cam[0] * x + gy * cam[1] * y) / (z * z)
        add_row(p, d, residual, robust * robust / (sigma * sigma), H, g)
