"""What colours an object and its surroundings have, as histograms."""

from dataclasses import dataclass

import numpy as np

from schemas.arrays import Array

BINS = 16
CELLS = BINS**3
COLOURS_BYTES = 2 * CELLS
_RATE = 0.2
FLOOR = 3e-4  # a share that chance gives any colour
MOST = 2.0  # a logarithm: neighbouring pixels are one piece of evidence, no single one is certain


@dataclass(frozen=True, slots=True, eq=False)
class Colours:
    """Shares of 16 x 16 x 16 cells of RGB.

    Attributes:
        inside: (4096,) float32 of the object, sums to 1.
        outside: (4096,) float32 of what surrounds it, sums to 1.
    """

    inside: Array
    outside: Array

    def pack(self) -> bytes:
        """8192 bytes: square roots of the shares, so that rare colours keep their digits."""
        return b"".join(
            np.rint(255 * np.sqrt(shares / max(float(shares.max()), 1e-9))).astype(np.uint8).tobytes()
            for shares in (self.inside, self.outside)
        )

    @staticmethod
    def unpack(data: bytes) -> "Colours | None":
        """The colours of these bytes; None where there are none."""
        if len(data) != COLOURS_BYTES:
            return None
        roots = np.frombuffer(data, np.uint8).reshape(2, CELLS).astype(np.float32)
        inside, outside = (_shares(one * one) for one in roots)
        return Colours(inside, outside)


def cells(rgb: Array) -> Array:
    """(N,) int64 cells of (N, 3) uint8 colours."""
    wide = rgb.astype(np.int64) >> 4
    return (wide[:, 0] * BINS + wide[:, 1]) * BINS + wide[:, 2]


def histogram(rgb: Array) -> Array:
    """(4096,) float32 shares of (N, 3) uint8 colours."""
    return _shares(np.bincount(cells(rgb), minlength=CELLS).astype(np.float32))


def log_odds(inside: Array, outside: Array) -> Array:
    """(4096,) float32 logarithm of the odds that a pixel of a cell is the object's, between -2 and 2."""
    odds = np.log((inside + np.float32(FLOOR)) / (outside + np.float32(FLOOR)))
    return np.clip(odds, -MOST, MOST).astype(np.float32)


def learned(before: Colours | None, inside: Array, outside: Array) -> Colours:
    """The colours after one more frame with the shares ``inside`` and ``outside``."""
    if before is None:
        return Colours(inside, outside)
    return Colours(
        before.inside + np.float32(_RATE) * (inside - before.inside),
        before.outside + np.float32(_RATE) * (outside - before.outside),
    )


def _shares(counts: Array) -> Array:
    return counts / max(float(counts.sum()), 1e-9)


def smooth(shares: Array) -> Array:
    """Blurred over neighbouring cells: a sensor's noise is as wide as a third of one."""
    cube = shares.reshape(BINS, BINS, BINS)
    for axis in range(3):
        padded = np.pad(cube, [(1, 1) if k == axis else (0, 0) for k in range(3)], mode="edge")
        low, high = np.take(padded, range(BINS), axis), np.take(padded, range(2, BINS + 2), axis)
        cube = np.float32(0.5) * cube + np.float32(0.25) * (low + high)
    return cube.reshape(CELLS)
