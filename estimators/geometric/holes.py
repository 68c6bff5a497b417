"""Single unknown pixels of a depth image, filled from the surface around them where a sensor leaves many out."""

import cv2
import numpy as np
from numba import njit

from schemas.arrays import Array

_FEWEST = 3  # of the eight pixels around
_ONE_SURFACE = 0.01  # of the depth: what the pixels around may lie apart
_MANY = 0.1  # of the pixels between two known ones; fewer do no harm, and filling costs some milliseconds
_ROWS = 8  # every so many are looked at
_AROUND = (3, 3)
_FAR_M = np.float32(1e9)


def filled(depth_m: Array) -> Array:
    """A depth image in which unknown pixels amid one surface have the mean of those around them.

    Kernels look single pixels up: where every second one is missing they would see half of what the sensor saw.
    Nothing is put between surfaces that lie apart, and wide holes stay holes but for their rim.

    Args:
        depth_m: (H, W) float32 metres, 0 where unknown.

    Returns:
        (H, W) float32; the image itself where few such pixels are missing.
    """
    between, missing = _counted(depth_m)
    if missing <= _MANY * between:
        return depth_m
    known = depth_m > 0
    count = cv2.boxFilter(known.astype(np.float32), -1, _AROUND, normalize=False, borderType=cv2.BORDER_CONSTANT)
    total = cv2.boxFilter(depth_m, -1, _AROUND, normalize=False, borderType=cv2.BORDER_CONSTANT)
    kernel = np.ones(_AROUND, np.uint8)
    high = cv2.dilate(depth_m, kernel)
    low = cv2.erode(np.where(known, depth_m, _FAR_M), kernel)
    amid = ~known & (count >= _FEWEST) & (high - low <= _ONE_SURFACE * low)
    return np.where(amid, total / np.maximum(count, np.float32(1)), depth_m)


@njit(nogil=True, cache=True)
def _counted(depth: Array) -> tuple[int, int]:
    """Pixels between two known ones of a row, and how many of these are unknown, in every eighth row."""
    between, missing = 0, 0
    for row in range(0, depth.shape[0], _ROWS):
        for column in range(1, depth.shape[1] - 1):
            known = (depth[row, column - 1] > 0) & (depth[row, column + 1] > 0)
            between += known
            missing += known & (not depth[row, column] > 0)
    return between, missing
