"""Small pictures of an object as points with colours."""

from dataclasses import dataclass

import cv2
import numpy as np

from estimators.geometric.tint import tints
from estimators.geometric.views import DISTANCE_DIAMETERS, FOCAL_PX, Views, directions, looking_from
from schemas.arrays import Array

TEMPLATE_PX = 18.0  # the object's diameter in the search
_RING_POINTS = 32
_RING_PX = 9  # of a view's picture, outside of its outline
_BLUR_PX = 2.5


@dataclass(frozen=True, slots=True, eq=False)
class Templates:
    """What an object shows to each of 42 directions.

    Attributes:
        points: (42, P, 3) float64 about the centre, metres, the last of them just outside of the outline.
        features: (42, P, 3) float32, see ``features``; for those outside what the outline next to them has.
        inner: How many of the points are of the object.
        rgb: (42, inner, 3) float64 their colours, blurred.
        normals: (42, inner, 3) float64.
        area_px: (42,) float64 how much of a picture the object covers that is ``TEMPLATE_PX`` in diameter.
    """

    points: Array
    features: Array
    inner: int
    rgb: Array
    normals: Array
    area_px: Array


def features(rgb: Array) -> Array:
    """(..., 3) float32 of colours (..., 3), as ``tint.tints`` gives it."""
    return tints(rgb.astype(np.float32))


def make_templates(views: Views, diameter_m: float) -> Templates:
    """Templates of the views of an object of a diameter."""
    middle, distance_m = (views.rgb.shape[1] - 1) / 2, DISTANCE_DIAMETERS * diameter_m
    points, looks, own = [], [], []
    for rgb, mask, inner, direction in zip(views.rgb, views.mask, views.points, directions(), strict=True):
        soft, base = _soft(rgb, mask), looking_from(direction)
        seen = inner @ base.T + [0, 0, distance_m]
        at = np.clip(np.rint(seen[:, :2] / seen[:, 2:] * FOCAL_PX + middle).astype(np.int64), 0, len(mask) - 1)
        ring, beside = _ring(mask)
        flat = np.column_stack([(ring - middle) / FOCAL_PX * distance_m, np.zeros(len(ring))])
        points.append(np.concatenate([inner, flat @ base]))
        own.append(soft[at[:, 1], at[:, 0]])
        looks.append(features(np.concatenate([own[-1], soft[beside[:, 1], beside[:, 0]]])))
    area_px = views.mask.sum(axis=(1, 2)) * (TEMPLATE_PX * DISTANCE_DIAMETERS / FOCAL_PX) ** 2
    rgb = np.stack(own).astype(np.float64)
    return Templates(np.stack(points), np.stack(looks), views.points.shape[1], rgb, views.normals, area_px)


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
