"""The colours of what stands still before a camera that stands still: what is not the object, and what hides it."""

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from schemas.arrays import Array

if TYPE_CHECKING:
    from estimators.geometric.fit import Fit
    from estimators.geometric.look import Look
    from estimators.geometric.pictures import FrameImages
    from estimators.geometric.placement import Placement

GRID = (120, 160)
"""Rows and columns of the picture that is remembered."""
STOOD = 2
"""Times that a pixel was seen alike before it counts as standing still."""
UNKNOWN, MAYBE, FRONT, BEHIND = 0, 1, 2, 3
"""What is known of something that stands still: nothing, it may be or is in front of the object, or it is behind."""
STILL_UNKNOWN, STILL_FRONT, STILL_BEHIND = 1, 2, 3
"""What ``shown`` says of a pixel; 0 where it shows something else."""
_PLACES = np.array([STILL_UNKNOWN, STILL_FRONT, STILL_FRONT, STILL_BEHIND], np.uint8)
_OLDEST = 15
_AROUND = 0.6  # of the diameter: what may be the object itself
_OTHER = 0.12  # of a logarithm: another colour
_RATE = 0.25
_UNMOVED, _FEWEST = 0.5, 200  # of the pixels that stood: fewer are alike, and the camera itself moves; of pixels
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
_BORDER = np.ones((7, 7), np.uint8)
_FLOOR = 16.0  # grey levels, under a logarithm
# colours are compared by logarithms: what a JPEG leaves out of dark ones must be as small as of bright ones
_CODES = np.rint(255 * np.log1p(np.arange(256) / _FLOOR) / np.log1p(255 / _FLOOR)).astype(np.uint8)
_COLOURS = np.rint(_FLOOR * np.expm1(np.arange(256) / 255 * np.log1p(255 / _FLOOR))).astype(np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Backdrop:
    """What stands still.

    Attributes:
        rgb: (120, 160, 3) uint8.
        age: (120, 160) uint8, how often each pixel was seen alike, at most 15.
        place: (120, 160) uint8, ``UNKNOWN`` to ``BEHIND``: whether it was seen where the object should have been, or
            the object where it should have been.
    """

    rgb: Array
    age: Array
    place: Array

    def pack(self) -> bytes:
        """10 to 25 kB: a JPEG of logarithms, ages and places."""
        coded = cv2.imencode(".jpg", _CODES[self.rgb], _JPEG)[1].tobytes()
        return len(coded).to_bytes(4, "little") + coded + zlib.compress((self.age | self.place << 4).tobytes(), 1)

    @staticmethod
    def unpack(data: bytes) -> "Backdrop | None":
        """The backdrop of these bytes; None where there are none."""
        if len(data) < 4:
            return None
        length = int.from_bytes(data[:4], "little")
        rgb = _COLOURS[cv2.imdecode(np.frombuffer(data, np.uint8, length, 4), cv2.IMREAD_COLOR)]
        both = np.frombuffer(zlib.decompress(data[4 + length :]), np.uint8).reshape(GRID)
        return Backdrop(rgb, both & 15, both >> 4)


def sampled(images: "FrameImages") -> Array:
    """(120, 160, 3) uint8, the frame made small."""
    return cv2.resize(images.level(2), GRID[::-1], interpolation=cv2.INTER_AREA)


def grid_in(A: Array, images: "FrameImages") -> Array:
    """(2, 3) float64, the map of the grid's pixels to a picture's; ``A`` (3, 3) or (2, 3) is that of the frame's."""
    height, width = images.depth_m.shape
    sx, sy = width / GRID[1], height / GRID[0]
    frame_from_grid = np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1.0]])
    return A[:2] @ frame_from_grid


def gain(before: Backdrop, seen: Array) -> float:
    """How much brighter a small frame (120, 160, 3) is than what is remembered, where it stood."""
    stood = before.age >= STOOD
    if stood.sum() < _FEWEST:
        return 1.0
    one, two = seen[stood].astype(np.float32).mean(axis=1), before.rgb[stood].astype(np.float32).mean(axis=1)
    return float(np.exp(np.median(np.log(one + _FLOOR) - np.log(two + _FLOOR))))


def moved(before: Backdrop, seen: Array) -> bool:
    """Whether the camera itself moved: most of what stood has other colours in a small frame (120, 160, 3)."""
    stood = before.age >= STOOD
    if stood.sum() < _FEWEST:
        return False
    one, two = (np.log(rgb[stood].astype(np.float32) + _FLOOR) for rgb in (seen, before.rgb))
    off = one - two
    return bool((np.abs(off - np.median(off, axis=0)).max(axis=1) < 2 * _OTHER).mean() < _UNMOVED)


def shown(before: Backdrop, seen: Array, level: float) -> Array:
    """(120, 160) uint8, what a small frame (120, 160, 3), ``level`` times brighter, shows of what stands still."""
    still = _alike(before, seen, level) & (before.age >= STOOD)
    return np.where(still, _PLACES[before.place], 0).astype(np.uint8)


def backdrop_after(before: Backdrop | None, images: "FrameImages", found: "Fit", diameter_m: float) -> Backdrop:
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
    alike = _alike(before, seen, images.known.gain)
    same, other, own = free & alike, free & ~alike, _own(images, found.look)
    older, younger = np.minimum(before.age + 1, _OLDEST), np.maximum(before.age, 1) - 1
    age = np.where(same, older, np.where(other, younger, before.age))
    taken = other & (age == 0)
    rate = np.where(taken, 1.0, np.where(same, _RATE, 0.0)).astype(np.float32)[..., None]
    now, then = seen.astype(np.float32), before.rgb.astype(np.float32) * np.float32(images.known.gain)
    rgb = np.clip(np.rint(then + rate * (now - then)), 0, 255).astype(np.uint8)
    hiding = own & alike & (before.age >= STOOD) & (before.place != BEHIND)
    place = np.where(hiding, np.minimum(before.place + 1, FRONT), np.where(own & ~alike, BEHIND, before.place))
    return Backdrop(rgb, age.astype(np.uint8), np.where(taken, UNKNOWN, place).astype(np.uint8))


def _alike(before: Backdrop, seen: Array, level: float) -> Array:
    """(120, 160) bool, pixels of a small frame with the remembered colour."""
    then = before.rgb.astype(np.float32) * np.float32(level)
    return np.abs(np.log(seen.astype(np.float32) + _FLOOR) - np.log(then + _FLOOR)).max(axis=2) < _OTHER


def _own(images: "FrameImages", look: "Look") -> Array:
    """(120, 160) bool, well inside of what was drawn of the object."""
    inner = cv2.erode(look.mask.astype(np.uint8), _BORDER, borderValue=0)
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(inner, grid_in(look.crop.crop_from_frame, images), GRID[::-1], flags=flags) > 0


def _free(images: "FrameImages", placement: "Placement", diameter_m: float) -> Array:
    """(120, 160) bool, pixels that cannot show the object."""
    height, width = images.depth_m.shape
    fx, fy, cx, cy = images.cam
    x, y, z = placement.t
    u = (np.arange(GRID[1]) + 0.5) * width / GRID[1] - fx * x / z - cx
    v = (np.arange(GRID[0]) + 0.5) * height / GRID[0] - fy * y / z - cy
    return u[None] ** 2 + v[:, None] ** 2 > (_AROUND * diameter_m * fx / z) ** 2
