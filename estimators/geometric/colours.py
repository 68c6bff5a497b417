"""Histograms of colours."""

import numpy as np
from numba import njit

from schemas.arrays import Array

BINS = 16
CELLS = BINS**3
_RATE = 0.2
FLOOR = 3e-4  # a share that chance gives any colour
MOST = 2.0  # a logarithm: neighbouring pixels are one piece of evidence, no single one is certain


def packed(shares: Array) -> bytes:
    """4096 bytes of (4096,) shares: square roots, so that rare colours keep their digits."""
    return np.rint(255 * np.sqrt(shares / max(float(shares.max()), 1e-9))).astype(np.uint8).tobytes()


def unpacked(data: bytes) -> Array | None:
    """(4096,) float32 shares of these bytes; None where there are none."""
    if len(data) != CELLS:
        return None
    roots = np.frombuffer(data, np.uint8).astype(np.float32)
    return _shares(roots * roots)


def cells(rgb: Array) -> Array:
    """(N,) int64 cells of (N, 3) uint8 colours."""
    wide = rgb.astype(np.int64) >> 4
    return (wide[:, 0] * BINS + wide[:, 1]) * BINS + wide[:, 2]


@njit(nogil=True, cache=True, inline="always")
def cell(colour: Array) -> int:
    """The cell of a (3,) uint8 colour."""
    return ((int(colour[0]) >> 4) * BINS + (int(colour[1]) >> 4)) * BINS + (int(colour[2]) >> 4)


def histogram(rgb: Array) -> Array:
    """(4096,) float32 shares of (N, 3) uint8 colours."""
    return _shares(_counted(rgb))


@njit(nogil=True, cache=True)
def _counted(rgb: Array) -> Array:
    counts = np.zeros(CELLS, np.float32)
    for i in range(rgb.shape[0]):
        counts[cell(rgb[i])] += np.float32(1)
    return counts


def log_odds(inside: Array, outside: Array) -> Array:
    """(4096,) float32 logarithm of the odds that a pixel of a cell is the object's, between -2 and 2."""
    odds = np.log((inside + np.float32(FLOOR)) / (outside + np.float32(FLOOR)))
    return np.clip(odds, -MOST, MOST).astype(np.float32)


def blended(before: Array | None, now: Array) -> Array:
    """(4096,) shares after one more frame."""
    return now if before is None else before + np.float32(_RATE) * (now - before)


def _shares(counts: Array) -> Array:
    return counts / max(float(counts.sum()), 1e-9)


def smooth(shares: Array) -> Array:
    """Blurred over neighbouring cells: a sensor's noise is as wide as a third of one."""
    cube, out = shares.reshape(BINS, BINS, BINS).copy(), np.empty((BINS, BINS, BINS), np.float32)
    _blur(cube, out)
    return out.reshape(CELLS)


@njit(nogil=True, cache=True)
def _blur(cube: Array, out: Array) -> None:
    """Blur along the first axis and make it the last one, three times."""
    half, quarter = np.float32(0.5), np.float32(0.25)
    for _ in range(3):
        for i in range(BINS):
            low, high = max(i - 1, 0), min(i + 1, BINS - 1)
            for j in range(BINS):
                for k in range(BINS):
                    out[j, k, i] = half * cube[i, j, k] + quarter * (cube[low, j, k] + cube[high, j, k])
        cube[:] = out
