"""What a frame with a trusted pose teaches where there is no depth: light, surroundings, and what stands still."""

import cv2
import numpy as np

from estimators.geometric.backdrop import BEHIND, FRONT, GRID, STOOD, UNKNOWN, Backdrop, alike
from estimators.geometric.backdrop_grid import grid_in, sampled
from estimators.geometric.colours import blended, histogram, packed
from estimators.geometric.fit import Fit
from estimators.geometric.light import BRIGHTEST, DIMMEST, Light, basis
from estimators.geometric.look import Look
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from schemas.arrays import Array

_OLDEST = 15
_AROUND = 0.6  # of the diameter: what may be the object itself
_RATE = 0.25
_BORDER = np.ones((7, 7), np.uint8)
_APART = np.ones((9, 9), np.uint8)
_LEAST_PIXELS = 60
_DECAY = 0.98  # a frame: for long a wrong pose must not become what the light explains
_FEWEST = 30
_OFF = 0.4  # of a logarithm: farther from the light that is known, a point shows something else
_GREY, _SHARE = 3.0, 0.06  # noise of a pixel: grey levels, and of its brightness
_UNIT = 100.0  # grey levels, so that the equations have numbers near one
_DARK, _BRIGHT = 8, 250  # grey levels: beyond them a pixel tells little
_FLOOR = 16.0  # grey levels, under a logarithm


def light_after(look: Look, placement: Placement, before: Light | None, agree: Array) -> Light | None:
    """The light after a frame with a trusted placement; what it was where the frame shows too little.

    Args:
        look: What was drawn near it.
        placement: Where the object is.
        before: What was known.
        agree: (N,) bool, points of the look that show the object.
    """
    points, K = look.points @ placement.R.T + placement.t, look.crop.K
    at = (points[:, :2] / points[:, 2:] * [K[0, 0], K[1, 1]] + K[:2, 2]).astype(np.float32)
    seen = cv2.remap(look.crop.rgb, at[None, :, 0], at[None, :, 1], cv2.INTER_LINEAR)[0].mean(axis=1, dtype=np.float64)
    own, Y = look.own_rgb.mean(axis=1, dtype=np.float64), basis(look.normals @ placement.R.T)
    good = agree & (seen < _BRIGHT) & (own > _DARK)
    if before is not None:
        expected = np.clip(Y @ before.terms, DIMMEST, BRIGHTEST) * own
        good &= np.abs(np.log((seen + _FLOOR) / (expected + _FLOOR))) < _OFF
    if good.sum() < _FEWEST:
        return before
    weight = _UNIT / (_GREY**2 + (_SHARE * seen[good]) ** 2)
    rows = Y[good] * own[good, None] / _UNIT
    left, right = (rows * weight[:, None]).T @ rows, (rows * weight[:, None]).T @ (seen[good] / _UNIT)
    return Light(left, right) if before is None else Light(_DECAY * before.left + left, _DECAY * before.right + right)


def surroundings(look: Look, images: FrameImages, before: Array | None) -> bytes:
    """The colours around an object, packed, after a frame with a trusted pose."""
    around = cv2.dilate(look.mask.astype(np.uint8), _APART) == 0
    around &= look.crop.in_frame(images.depth_m.shape)
    if around.sum() < _LEAST_PIXELS:
        return b"" if before is None else packed(before)
    return packed(blended(before, histogram(look.crop.rgb[around])))


def backdrop_after(before: Backdrop | None, images: FrameImages, found: Fit, diameter_m: float) -> Backdrop:
    """The backdrop after a frame in which an object was seen: all but what is about it.

    Args:
        before: What was known, None where nothing, or where the camera moved.
        images: The frame.
        found: The object.
        diameter_m: Of it.
    """
    seen, free = sampled(images), _free(images, found.placement, diameter_m)
    if before is None:
        return Backdrop(seen, free.astype(np.uint8), np.zeros(GRID, np.uint8))
    as_it_was = alike(before, seen, images.known.gain)
    same, other, own = free & as_it_was, free & ~as_it_was, _own(images, found.look)
    older, younger = np.minimum(before.age + 1, _OLDEST), np.maximum(before.age, 1) - 1
    age = np.where(same, older, np.where(other, younger, before.age))
    taken = other & (age == 0)
    rate = np.where(taken, 1.0, np.where(same, _RATE, 0.0)).astype(np.float32)[..., None]
    now, then = seen.astype(np.float32), before.rgb.astype(np.float32) * np.float32(images.known.gain)
    rgb = np.clip(np.rint(then + rate * (now - then)), 0, 255).astype(np.uint8)
    hiding = own & as_it_was & (before.age >= STOOD) & (before.place != BEHIND)
    place = np.where(hiding, np.minimum(before.place + 1, FRONT), np.where(own & ~as_it_was, BEHIND, before.place))
    return Backdrop(rgb, age.astype(np.uint8), np.where(taken, UNKNOWN, place).astype(np.uint8))


def _own(images: FrameImages, look: Look) -> Array:
    """(120, 160) bool, well inside of what was drawn of the object."""
    inner = cv2.erode(look.mask.astype(np.uint8), _BORDER, borderValue=0)
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(inner, grid_in(look.crop.crop_from_frame, images), GRID[::-1], flags=flags) > 0


def _free(images: FrameImages, placement: Placement, diameter_m: float) -> Array:
    """(120, 160) bool, pixels that cannot show the object."""
    height, width = images.depth_m.shape
    fx, fy, cx, cy = images.cam
    x, y, z = placement.t
    u = (np.arange(GRID[1]) + 0.5) * width / GRID[1] - fx * x / z - cx
    v = (np.arange(GRID[0]) + 0.5) * height / GRID[0] - fy * y / z - cy
    return u[None] ** 2 + v[:, None] ** 2 > (_AROUND * diameter_m * fx / z) ** 2
