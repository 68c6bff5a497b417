"""The colours of what stands still before a camera that stands still: what is not the object, and what hides it."""

import zlib
from dataclasses import dataclass

import cv2
import numpy as np

from schemas.arrays import Array

GRID = (120, 160)
"""Rows and columns of the picture that is remembered."""
STOOD = 2
"""Times that a pixel was seen alike before it counts as standing still."""
UNKNOWN, MAYBE, FRONT, BEHIND = 0, 1, 2, 3
"""What is known of something that stands still: nothing, it may be or is in front of the object, or it is behind."""
STILL_UNKNOWN, STILL_FRONT, STILL_BEHIND = 1, 2, 3
"""What ``shown`` says of a pixel; 0 where it shows something else."""
_PLACES = np.array([STILL_UNKNOWN, STILL_FRONT, STILL_FRONT, STILL_BEHIND], np.uint8)
_OTHER = 0.12  # of a logarithm: another colour
_UNMOVED, _FEWEST = 0.5, 200  # of the pixels that stood: fewer are alike, and the camera itself moves; of pixels
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
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
    still = alike(before, seen, level) & (before.age >= STOOD)
    return np.where(still, _PLACES[before.place], 0).astype(np.uint8)


def alike(before: Backdrop, seen: Array, level: float) -> Array:
    """(120, 160) bool, pixels of a small frame with the remembered colour."""
    then = before.rgb.astype(np.float32) * np.float32(level)
    return np.abs(np.log(seen.astype(np.float32) + _FLOOR) - np.log(then + _FLOOR)).max(axis=2) < _OTHER
