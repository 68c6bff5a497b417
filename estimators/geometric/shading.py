"""Rows for the brightness of a surface in a known light: where it is plain, its shading tells how it lies."""

from typing import NamedTuple

import cv2
import numpy as np
from numba import njit

from estimators.geometric.light import TERMS, brightness, shaded, slope_of
from estimators.geometric.look import Look
from estimators.geometric.placement import Placement
from estimators.geometric.solve import add_turn_row
from schemas.arrays import Array

_MOST = 400
_NEAREST_M = 0.05
_BORDER, _NEAR = np.ones((3, 3), np.uint8), np.ones((5, 5), np.uint8)
_STEP = 0.05  # of the distance: more is the edge of a nearer part, which does not move with the surface
_EDGE = 0.02  # of a logarithm a pixel: steeper is texture, which highlights do not make
_TEXTURE_SIGMA, _SHADE_SIGMA, _CUT = 0.2, 0.8, 0.15  # of a logarithm; the last of the Geman-McClure weight
_BLUR_PX = 1.0
_FLOOR = 16.0  # grey levels, under a logarithm


class Shading(NamedTuple):
    """Pixels of a render whose brightness is compared with the image.

    Attributes:
        points: (N, 3) float64 about the object's centre.
        normals: (N, 3) float64, object's axes.
        values: (N,) float64 the mesh's own brightness, grey levels.
        slopes: (N, 2) float64 of the logarithm of the render's brightness in the light, a pixel.
        sigmas: (N,) float64 how far the image may differ, of a logarithm.
        observed: (S, S) float32 logarithm of the brightness of the crop.
        cam: (4,) float64 fx, fy, cx, cy of the crop.
        terms: (9,) float64 of the light.
    """

    points: Array
    normals: Array
    values: Array
    slopes: Array
    sigmas: Array
    observed: Array
    cam: Array
    terms: Array


NO_SHADING = Shading(
    np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0), np.zeros((0, 2)), np.zeros(0), np.zeros((1, 1), np.float32),
    np.zeros(4), np.zeros(TERMS),
)  # fmt: skip
"""Where the light is not known."""


def shading_of(look: Look, placement: Placement, terms: Array, aside: Array) -> Shading:
    """Up to 400 pixels of a look, spread over it.

    Args:
        look: A render beside the frame's crop.
        placement: Where it was drawn.
        terms: (9,) float64 of the light.
        aside: (S, S) bool, pixels that do not show the object.
    """
    rows, columns = _pixels(look, aside)
    K, z = look.crop.K, look.depth_m[rows, columns].astype(np.float64)
    seen = np.stack([(columns - K[0, 2]) / K[0, 0] * z, (rows - K[1, 2]) / K[1, 1] * z, z], axis=1)
    lit = _soft(shaded(look.picture, look.normal, terms), look.mask)
    own = _soft(look.picture, look.mask)
    edge = np.linalg.norm(_slopes(own, rows, columns), axis=1)
    soft = cv2.GaussianBlur(look.crop.rgb, (0, 0), _BLUR_PX).astype(np.float32).mean(axis=2)
    return Shading(
        np.ascontiguousarray((seen - placement.t) @ placement.R),
        np.ascontiguousarray(look.normal[rows, columns].astype(np.float64) @ placement.R),
        own[rows, columns].astype(np.float64),
        # of the render: the image's own are noise where a surface is plain, and noise is taken for knowledge
        _slopes(lit, rows, columns),
        np.where(edge > _EDGE, _TEXTURE_SIGMA, _SHADE_SIGMA),
        np.log(soft + np.float32(_FLOOR)),
        look.crop.cam,
        terms,
    )


def textured(shading: Shading) -> Shading:
    """Those pixels that show an edge of the mesh's texture, which moves with the surface."""
    kept = shading.sigmas == _TEXTURE_SIGMA
    points, normals, values, slopes, sigmas = (np.ascontiguousarray(part[kept]) for part in shading[:5])
    return shading._replace(points=points, normals=normals, values=values, slopes=slopes, sigmas=sigmas)


def _pixels(look: Look, aside: Array) -> tuple[Array, Array]:
    """Rows and columns of pixels that move with the surface."""
    depth = look.depth_m
    inner = cv2.erode(look.mask.astype(np.uint8), _BORDER, borderValue=0, iterations=2) > 0
    inner &= cv2.dilate(depth, _NEAR) - cv2.erode(depth, _NEAR) < _STEP * depth
    rows, columns = np.nonzero(inner & ~aside)
    chosen = np.linspace(0, max(0, len(rows) - 1), min(_MOST, len(rows))).astype(np.int64)
    return rows[chosen], columns[chosen]


def _slopes(grey: Array, rows: Array, columns: Array) -> Array:
    """(N, 2) float64 slopes of the logarithm of brightness (S, S), a pixel, at some pixels."""
    logs = np.log(grey + np.float32(_FLOOR))
    ways = [cv2.Sobel(logs, cv2.CV_32F, *way, scale=1 / 8)[rows, columns] for way in ((1, 0), (0, 1))]
    return np.stack(ways, axis=1).astype(np.float64)


def _soft(rgb: Array, mask: Array) -> Array:
    """(S, S) float32 brightness, blurred inside of a mask."""
    inside = mask.astype(np.float32)
    grey = rgb.mean(axis=2, dtype=np.float32) * inside
    share = np.maximum(cv2.GaussianBlur(inside, (0, 0), _BLUR_PX), np.float32(1e-3))
    return cv2.GaussianBlur(grey, (0, 0), _BLUR_PX) / share


@njit(nogil=True, cache=True, inline="always")
def _bilinear(image: Array, u: float, v: float) -> float:
    x, y = int(u), int(v)
    a, b = u - x, v - y
    upper = (1.0 - a) * image[y, x] + a * image[y, x + 1]
    return (1.0 - b) * upper + b * ((1.0 - a) * image[y + 1, x] + a * image[y + 1, x + 1])


@njit(nogil=True, cache=True)
def shading_rows(shading: Shading, R: Array, t: Array, H: Array, g: Array) -> None:
    """Add one row a pixel."""
    p, d, n, e, w = np.empty(3), np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    size, cam = shading.observed.shape[0], shading.cam
    for i in range(shading.points.shape[0]):
        for k in range(3):
            p[k] = R[k, 0] * shading.points[i, 0] + R[k, 1] * shading.points[i, 1] + R[k, 2] * shading.points[i, 2]
            n[k] = R[k, 0] * shading.normals[i, 0] + R[k, 1] * shading.normals[i, 1] + R[k, 2] * shading.normals[i, 2]
        x, y, z = p[0] + t[0], p[1] + t[1], p[2] + t[2]
        if z < _NEAREST_M:
            continue
        u, v = cam[0] * x / z + cam[2], cam[1] * y / z + cam[3]
        if u < 1 or v < 1 or u >= size - 2 or v >= size - 2:
            continue
        seen = _bilinear(shading.observed, u, v)
        gx, gy = shading.slopes[i, 0], shading.slopes[i, 1]
        light = brightness(n[0], n[1], n[2], shading.terms)
        own = min(255.0, shading.values[i] * light) + _FLOOR
        residual = np.log(own) - seen
        robust = _CUT * _CUT / (_CUT * _CUT + residual * residual)
        d[0], d[1] = gx * cam[0] / z, gy * cam[1] / z
        d[2] = -(gx * cam[0] * x + gy * cam[1] * y) / (z * z)
        slope_of(n, shading.terms, e)
        share = shading.values[i] / own
        # the normal turns with the object: light changes by slope . (turn x normal) = turn . (normal x slope)
        w[0] = -share * (n[1] * e[2] - n[2] * e[1])
        w[1] = -share * (n[2] * e[0] - n[0] * e[2])
        w[2] = -share * (n[0] * e[1] - n[1] * e[0])
        add_turn_row(p, d, w, residual, robust * robust / (shading.sigmas[i] * shading.sigmas[i]), H, g)
