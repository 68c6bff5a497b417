"""Kernel for local contrast: what is left of a picture when its light is taken away."""

import numpy as np
from numba import njit

from schemas.arrays import Array

_HALF_PX = 7  # of the window whose mean and spread are the measure
_NOISE_GREY = 5.0  # contrast below the sensor's noise is not blown up
_SPREAD_GREY = 40.0


@njit(nogil=True, cache=True, inline="always")
def _enter(grey: Array, mask: Array, row: int, sign: float, columns: Array) -> None:
    """Add a row's pixels to the sums of each column (3, W): how many, brightness, its square."""
    for u in range(grey.shape[1]):
        if mask[row, u]:
            value = grey[row, u]
            columns[0, u] += sign
            columns[1, u] += sign * value
            columns[2, u] += sign * value * value


@njit(nogil=True, cache=True)
def normalise(rgb: Array, mix: Array, mask: Array, out: Array) -> None:
    """Write the local contrast of the masked pixels to ``out``; the window moves by one row or column at a time.

    Args:
        rgb: (H, W, 3) uint8.
        mix: (1, 3) float32.
        mask: (H, W) bool.
        out: (H, W) uint8; pixels outside the mask stay as they are.
    """
    height, width = mask.shape
    grey, columns = np.empty((height, width)), np.zeros((3, width))
    red, green, blue = float(mix[0, 0]), float(mix[0, 1]), float(mix[0, 2])
    for v in range(height):
        for u in range(width):
            grey[v, u] = red * rgb[v, u, 0] + green * rgb[v, u, 1] + blue * rgb[v, u, 2]
    for v in range(min(_HALF_PX, height)):
        _enter(grey, mask, v, 1.0, columns)
    for v in range(height):
        if v + _HALF_PX < height:
            _enter(grey, mask, v + _HALF_PX, 1.0, columns)
        if v - _HALF_PX - 1 >= 0:
            _enter(grey, mask, v - _HALF_PX - 1, -1.0, columns)
        _row(grey[v], mask[v], columns, out[v])


@njit(nogil=True, cache=True, inline="always")
def _row(grey: Array, mask: Array, columns: Array, out: Array) -> None:
    width = grey.shape[0]
    count, total, square = 0.0, 0.0, 0.0
    for u in range(min(_HALF_PX, width)):
        count, total, square = count + columns[0, u], total + columns[1, u], square + columns[2, u]
    for u in range(width):
        if u + _HALF_PX < width:
            k = u + _HALF_PX
            count, total, square = count + columns[0, k], total + columns[1, k], square + columns[2, k]
        if u - _HALF_PX - 1 >= 0:
            k = u - _HALF_PX - 1
            count, total, square = count - columns[0, k], total - columns[1, k], square - columns[2, k]
        if mask[u]:
            mean = total / count
            spread = np.sqrt(max(0.0, square / count - mean * mean)) + _NOISE_GREY
            out[u] = np.uint8(min(255.0, max(0.0, (grey[u] - mean) / spread * _SPREAD_GREY + 128.0)))
