"""Kernel for local contrast: what is left of a picture when its light is taken away."""

import numpy as np
from numba import njit

from schemas.arrays import Array

_HALF_PX = 7  # of the window whose mean and spread are the measure
_NOISE_GREY = 5.0  # contrast below the sensor's noise is not blown up
_SPREAD_GREY = 40.0


@njit(nogil=True, cache=True)
def _box(mask: Array) -> tuple[int, int, int, int]:
    """The first and last row, and the first and last column, of a mask (H, W) bool; the last before the first if empty.

    Outside of it there is nothing to add up.
    """
    height, width = mask.shape
    top, bottom, left, right = height, -1, width, -1
    for v in range(height):
        first = 0
        while first < width and not mask[v, first]:
            first += 1
        if first == width:
            continue
        last = width - 1
        while not mask[v, last]:
            last -= 1
        top, bottom = min(top, v), v
        left, right = min(left, first), max(right, last)
    return top, bottom, left, right


@njit(nogil=True, cache=True, inline="always")
def _enter(grey: Array, inside: Array, sign: float, columns: Array) -> None:
    """Add a row's pixels to the sums of each column (3, W): how many, brightness, its square."""
    for u in range(grey.shape[0]):
        count = sign * inside[u]
        columns[0, u] += count
        columns[1, u] += count * grey[u]
        columns[2, u] += count * grey[u] * grey[u]


@njit(nogil=True, cache=True)
def normalise(rgb: Array, mix: Array, mask: Array, out: Array) -> None:
    """Write the local contrast of the masked pixels to ``out``; the window moves by one row or column at a time.

    Args:
        rgb: (H, W, 3) uint8.
        mix: (1, 3) float32.
        mask: (H, W) bool.
        out: (H, W) uint8; pixels outside the mask stay as they are.
    """
    top, bottom, left, right = _box(mask)
    height, width = max(0, bottom - top + 1), max(0, right - left + 1)
    grey, inside = np.empty((height, width)), np.empty((height, width))
    columns, sums = np.zeros((3, width)), np.empty((3, width))
    red, green, blue = float(mix[0, 0]), float(mix[0, 1]), float(mix[0, 2])
    for v in range(height):
        for u in range(width):
            pixel = rgb[top + v, left + u]
            grey[v, u] = red * pixel[0] + green * pixel[1] + blue * pixel[2]
            inside[v, u] = 1.0 if mask[top + v, left + u] else 0.0
    for v in range(min(_HALF_PX, height)):
        _enter(grey[v], inside[v], 1.0, columns)
    for v in range(height):
        if v + _HALF_PX < height:
            _enter(grey[v + _HALF_PX], inside[v + _HALF_PX], 1.0, columns)
        if v - _HALF_PX - 1 >= 0:
            _enter(grey[v - _HALF_PX - 1], inside[v - _HALF_PX - 1], -1.0, columns)
        _along(columns, sums)
        _row(grey[v], mask[top + v, left : right + 1], sums, out[top + v, left : right + 1])


@njit(nogil=True, cache=True, inline="always")
def _along(columns: Array, sums: Array) -> None:
    """Write to ``sums`` (3, W) what the columns within the window about each column add up to."""
    width = columns.shape[1]
    for i in range(3):
        total = 0.0
        for u in range(min(_HALF_PX, width)):
            total = total + columns[i, u]
        for u in range(width):
            if u + _HALF_PX < width:
                total = total + columns[i, u + _HALF_PX]
            if u - _HALF_PX - 1 >= 0:
                total = total - columns[i, u - _HALF_PX - 1]
            sums[i, u] = total


@njit(
    nogil=True, cache=True, error_model="numpy"
)  # a check for each division would keep the loop from being vectorised
def _row(grey: Array, mask: Array, sums: Array, out: Array) -> None:
    level = np.empty(grey.shape[0])
    for u in range(grey.shape[0]):
        count = max(sums[0, u], 1.0)
        mean = sums[1, u] / count
        spread = np.sqrt(max(0.0, sums[2, u] / count - mean * mean)) + _NOISE_GREY
        level[u] = min(255.0, max(0.0, (grey[u] - mean) / spread * _SPREAD_GREY + 128.0))
    for u in range(grey.shape[0]):
        if mask[u]:
            out[u] = np.uint8(level[u])
