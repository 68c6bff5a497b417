"""How well the colour image alone agrees with a placement."""

import cv2
import numpy as np

from estimators.geometric.contour import SMOOTH_PX, find_contour
from estimators.geometric.look import Look
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.score import Evidence
from schemas.arrays import Array

_CHROMA_OFF, _LIGHT_OFF = 0.35, 0.7  # of a logarithm: farther from the rest, a point shows something else
_FLAT, _TINT = 0.01, 0.03
_RELIEF, _SHADE = 30.0, 0.02
_LEAST_POINTS = 8
_EDGE_GREY, _EDGE_PX, _BESIDE_PX = 40.0, 2, 7
_EDGES = 0.2, 0.55  # share of the outline with an edge that chance gives, and that is enough


def weigh_by_picture(look: Look, placement: Placement, images: FrameImages) -> Evidence:
    """Judge a placement by the mesh's colours and by whether something ends where its outline is.

    See ``Evidence``; ``hidden`` holds the points in another colour than the rest.
    """
    points = look.points @ placement.R.T + placement.t
    K = look.crop.K
    places = points[:, :2] / points[:, 2:] * [K[0, 0], K[1, 1]] + K[:2, 2]
    inside = _inside(places, look, images)
    if inside.sum() < _LEAST_POINTS:
        return Evidence(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, (0.0, 0.0), blind=True)
    seen, drawn = _logs(_at(look.crop.rgb, places)), _logs(look.rgb.astype(np.float64))
    fits, tone = _in_colour(seen - drawn, inside)
    low, high = _EDGES
    outline = float(np.clip((edges(look, placement) - low) / (high - low), 0.0, 1.0))
    known, share = float(inside.mean()), float(fits.sum() / inside.sum())
    chroma, tint = _chroma(seen[inside], drawn[inside])
    contrast, relief = _contrast(_at(look.observed, places)[inside], look.contrast[inside].astype(np.float64))
    light, shade = _light(seen[inside], drawn[inside])
    whole = relief + shade
    shares = (known * share * outline, known * share * (1 - outline), known * (1 - share), 1 - known)
    contrast = (relief * contrast + shade * light) / whole if whole > 0 else 0.0
    return Evidence(*shares, chroma, contrast, min(1.0, whole), tint, tone, blind=True)


def agreeing(look: Look, placement: Placement, images: FrameImages) -> Array:
    """(N,) bool, points of a look that show their colour."""
    points = look.points @ placement.R.T + placement.t
    K = look.crop.K
    places = points[:, :2] / points[:, 2:] * [K[0, 0], K[1, 1]] + K[:2, 2]
    inside = _inside(places, look, images)
    if not inside.any():
        return inside
    return _in_colour(_logs(_at(look.crop.rgb, places)) - _logs(look.rgb.astype(np.float64)), inside)[0]


def _inside(places: Array, look: Look, images: FrameImages) -> Array:
    """(N,) bool, places (N, 2) of the crop that lie in it and in the frame."""
    size, (left, top) = look.mask.shape[0], look.crop.crop_from_frame[:, 2]
    height, width = images.depth_m.shape
    right, bottom = left + (width - 1) * look.crop.zoom, top + (height - 1) * look.crop.zoom
    inside = (places[:, 0] > max(0, left)) & (places[:, 0] < min(size - 1, right))
    return inside & (places[:, 1] > max(0, top)) & (places[:, 1] < min(size - 1, bottom))


def _in_colour(off: Array, inside: Array) -> tuple[Array, tuple[float, float]]:
    """(N,) bool, points whose logarithms of colour are ``off`` (N, 3) by as much as most, and by how much in tone."""
    ratios, light = off[:, (0, 2)] - off[:, 1:2], off.mean(axis=1)
    odd = np.linalg.norm(ratios - np.median(ratios[inside], axis=0), axis=1) / _CHROMA_OFF
    odd = np.maximum(odd, np.abs(light - np.median(light[inside])) / _LIGHT_OFF)
    fits = inside & (odd < 1)
    red, blue = np.median(ratios[fits], axis=0) if fits.any() else (0.0, 0.0)
    return fits, (float(red), float(blue))


def edges(look: Look, placement: Placement) -> float:
    """Share of the outline at which the image has an edge, less the share that chance gives beside it."""
    contour = find_contour(look, placement, SMOOTH_PX)
    if not len(contour.points):
        return 0.0
    points = contour.points @ placement.R.T + placement.t
    K = look.crop.K
    at = points[:, :2] / points[:, 2:] * [K[0, 0], K[1, 1]] + K[:2, 2]
    offsets = np.arange(-_BESIDE_PX, _BESIDE_PX + 1)
    grid = (at[:, None] + offsets[None, :, None] * contour.normals[:, None]).astype(np.float32)
    soft = cv2.GaussianBlur(look.crop.rgb, (0, 0), 0.8)
    lines = cv2.remap(soft, grid[..., 0], grid[..., 1], cv2.INTER_LINEAR).astype(np.float64)
    steps = np.abs(lines[:, 2:] - lines[:, :-2]).sum(axis=2)  # at offsets -6 to 6
    middle = steps.shape[1] // 2
    here = steps[:, middle - _EDGE_PX + 1 : middle + _EDGE_PX].max(axis=1)
    return float(((here > _EDGE_GREY) & (here >= 0.7 * steps.max(axis=1))).mean())


def _at(image: Array, places: Array) -> Array:
    """Bilinear values of an image at (N, 2) places."""
    grid = places.astype(np.float32)
    return cv2.remap(image, grid[None, :, 0], grid[None, :, 1], cv2.INTER_LINEAR)[0].astype(np.float64)


def _logs(rgb: Array) -> Array:
    return np.log(rgb + 16.0)


def _chroma(seen: Array, drawn: Array) -> tuple[float, float]:
    """Correlation of log-ratios of colours, and how much the mesh has of them."""
    one, two = (logs[:, (0, 2)] - logs[:, 1:2] for logs in (seen, drawn))
    one, two = one - one.mean(axis=0), two - two.mean(axis=0)
    power = float(np.sqrt(((one**2).sum() + len(one) * _FLAT) * ((two**2).sum() + len(two) * _FLAT)))
    variance = float((two**2).sum()) / len(two)
    return float((one * two).sum()) / power, variance / (variance + _TINT)


def _light(seen: Array, drawn: Array) -> tuple[float, float]:
    """Correlation of the logarithm of brightness, and how much the mesh has of it, at most a half."""
    one, two = seen.mean(axis=1), drawn.mean(axis=1)
    one, two = one - one.mean(), two - two.mean()
    floor, variance = len(one) * _SHADE, float((two**2).mean())
    power = float(np.sqrt(((one**2).sum() + floor) * ((two**2).sum() + floor)))
    return max(0.0, float((one * two).sum()) / power), 0.5 * variance / (variance + _SHADE)


def _contrast(seen: Array, drawn: Array) -> tuple[float, float]:
    """Correlation of local contrast, and how much of it the mesh has."""
    seen, drawn = seen - seen.mean(), drawn - drawn.mean()
    power = float(np.sqrt((seen**2).sum() * (drawn**2).sum()))
    relief = float(min(1.0, drawn.std() / _RELIEF))
    return (float((seen * drawn).sum()) / power if power > 0 else 0.0), relief
