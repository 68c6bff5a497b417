"""Small pictures of an object as points with colours, and where in an image they fit."""

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

from estimators.geometric.tint import tints
from estimators.geometric.views import DISTANCE_DIAMETERS, FOCAL_PX, Views, directions, looking_from
from schemas.arrays import Array

TEMPLATE_PX = 18.0  # the object's diameter in the search
_RING_POINTS = 32
_RING_PX = 9  # of a view's picture, outside of its outline
_BLUR_PX = 2.5
_SPREAD = 0.3  # of a logarithm: half of what makes another colour
_RING_WEIGHT, _LIGHT_WEIGHT = 0.5, 0.5
_LIGHT_FLOOR = 0.02  # a variance that noise has


@dataclass(frozen=True, slots=True, eq=False)
class Templates:
    """What an object shows to each of 42 directions.

    Attributes:
        points: (42, P, 3) float64 about the centre, metres, the last of them just outside of the outline.
        features: (42, P, 3) float32, see ``features``; for those outside what the outline next to them has.
        inner: How many of the points are of the object.
    """

    points: Array
    features: Array
    inner: int


def features(rgb: Array) -> Array:
    """(..., 3) float32 of colours (..., 3), as ``tint.tints`` gives it."""
    return tints(rgb.astype(np.float32))


def make_templates(views: Views, diameter_m: float) -> Templates:
    """Templates of the views of an object of a diameter."""
    middle, distance_m = (views.rgb.shape[1] - 1) / 2, DISTANCE_DIAMETERS * diameter_m
    points, looks = [], []
    for rgb, mask, inner, direction in zip(views.rgb, views.mask, views.points, directions(), strict=True):
        soft, base = _soft(rgb, mask), looking_from(direction)
        seen = inner @ base.T + [0, 0, distance_m]
        at = np.clip(np.rint(seen[:, :2] / seen[:, 2:] * FOCAL_PX + middle).astype(np.int64), 0, len(mask) - 1)
        ring, beside = _ring(mask)
        flat = np.column_stack([(ring - middle) / FOCAL_PX * distance_m, np.zeros(len(ring))])
        points.append(np.concatenate([inner, flat @ base]))
        looks.append(features(np.concatenate([soft[at[:, 1], at[:, 0]], soft[beside[:, 1], beside[:, 0]]])))
    return Templates(np.stack(points), np.stack(looks), views.points.shape[1])


def _soft(rgb: Array, mask: Array) -> Array:
    """The picture blurred inside of its mask."""
    inside = mask.astype(np.float32)
    share = np.maximum(cv2.GaussianBlur(inside, (0, 0), _BLUR_PX), np.float32(1e-3))
    return cv2.GaussianBlur(rgb.astype(np.float32) * inside[..., None], (0, 0), _BLUR_PX) / share[..., None]


def _ring(mask: Array) -> tuple[Array, Array]:
    """(32, 2) pixels around an outline, and (32, 2) the pixels of the object next to them."""
    far = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    rows, columns = np.nonzero((far > _RING_PX - 1) & (far <= _RING_PX))
    inside_rows, inside_columns = np.nonzero(mask)
    if not len(rows) or not len(inside_rows):
        return np.zeros((_RING_POINTS, 2)), np.zeros((_RING_POINTS, 2), np.int64)
    chosen = np.linspace(0, len(rows) - 1, _RING_POINTS).astype(np.int64)
    ring = np.stack([columns[chosen], rows[chosen]], axis=1)
    inside = np.stack([inside_columns, inside_rows], axis=1)
    nearest = np.argmin(((ring[:, None] - inside[None]) ** 2).sum(axis=2), axis=1)
    return ring.astype(np.float64), inside[nearest]


@njit(nogil=True, cache=True)
def match_all(
    points: Array, looks: Array, inner: int, view: Array, R: Array, image: Array, px_per_m: float, tone: Array,
    stride: int,
) -> Array:  # fmt: skip
    """(B, 3) for each hypothesis the best merit, and column and row of the object's centre.

    A merit is the share of the points whose colour is there, less half of the share outside of the outline that has it
    too, plus half of the correlation of brightness.

    Args:
        points: (V, P, 3) float64, see ``Templates``, as are looks and inner.
        looks: (V, P, 3) float32.
        inner: Of the P points, those of the object.
        view: (B,) int64, the view of each hypothesis.
        R: (B, 3, 3) float64.
        image: (h, w, 3) float32 features of the picture that is searched.
        px_per_m: Its pixels for a metre at the object's distance.
        tone: (2,) float64 by how much the image's colours usually differ from the mesh's.
        stride: Pixels from place to place.
    """
    height, width = image.shape[0], image.shape[1]
    best = np.full((R.shape[0], 3), -1.0)
    count = points.shape[1]
    dx, dy = np.empty(count, np.int64), np.empty(count, np.int64)
    for b in range(R.shape[0]):
        p, look = points[view[b]], looks[view[b]]
        for i in range(count):
            dx[i] = round((R[b, 0, 0] * p[i, 0] + R[b, 0, 1] * p[i, 1] + R[b, 0, 2] * p[i, 2]) * px_per_m)
            dy[i] = round((R[b, 1, 0] * p[i, 0] + R[b, 1, 1] * p[i, 1] + R[b, 1, 2] * p[i, 2]) * px_per_m)
        for row in range(0, height, stride):
            for column in range(0, width, stride):
                merit = _merit(look, dx, dy, inner, image, row, column, tone)
                if merit > best[b, 0]:
                    best[b, 0], best[b, 1], best[b, 2] = merit, column, row
    return best


@njit(nogil=True, cache=True)
def _merit(look: Array, dx: Array, dy: Array, inner: int, image: Array, row: int, column: int, tone: Array) -> float:
    height, width = image.shape[0], image.shape[1]
    good, seen, bad, around = 0.0, 0, 0.0, 0
    s1, s2, s11, s22, s12 = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(dx.shape[0]):
        y, x = row + dy[i], column + dx[i]
        if y < 0 or x < 0 or y >= height or x >= width:
            continue
        red = image[y, x, 0] - look[i, 0] - tone[0]
        blue = image[y, x, 1] - look[i, 1] - tone[1]
        alike = 1.0 / (1.0 + (red * red + blue * blue) / (_SPREAD * _SPREAD))
        if i >= inner:
            bad += alike
            around += 1
            continue
        good += alike
        seen += 1
        a, c = float(image[y, x, 2]), float(look[i, 2])
        s1 += a
        s2 += c
        s11 += a * a
        s22 += c * c
        s12 += a * c
    if 2 * seen < inner:
        return -1.0
    va, vc = s11 / seen - (s1 / seen) ** 2 + _LIGHT_FLOOR, s22 / seen - (s2 / seen) ** 2 + _LIGHT_FLOOR
    light = (s12 / seen - s1 / seen * s2 / seen) / np.sqrt(va * vc)
    return good / inner - _RING_WEIGHT * bad / max(1, around) + _LIGHT_WEIGHT * light
