"""Depth images smaller than the colour picture, brought to its size without inventing values between surfaces."""

import numpy as np

from schemas.arrays import Array

_ONE_SURFACE = 0.01  # of the depth between neighbours: about 70 degrees of slant at a focal length of 300 px
_LARGEST = 0xFFFF


def fits(small: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether an image of ``small`` (H, W) covers the view of one of ``size`` with larger pixels."""
    same_shape = small[0] * size[1] == small[1] * size[0]
    return same_shape and min(small) >= 2 and small[0] < size[0]


def enlarged(raw: Array, size: tuple[int, int]) -> Array:
    """A depth image at a larger size.

    The middle of pixel u lies at (u + 0.5) * s - 0.5 of the small image, s below 1 its share of the size. Where the
    four pixels around that are known and on one surface, one over depth is interpolated between them (that is linear
    over a plane, so planes stay planes); elsewhere the nearest pixel's value stands, unknown or not.

    Args:
        raw: (h, w) uint16 in any unit, 0 where unknown.
        size: Height and width of the result; see ``fits``.

    Returns:
        (H, W) uint16 in the same unit, 0 where unknown.
    """
    (top, down), (left, right) = (_between(had, wanted) for had, wanted in zip(raw.shape, size, strict=True))
    smooth = _one_surface(raw)[top][:, left]
    inverse = 1.0 / np.maximum(raw, 1)
    inverse = inverse[top] + down[:, None] * (inverse[top + 1] - inverse[top])
    inverse = inverse[:, left] + right * (inverse[:, left + 1] - inverse[:, left])
    between = np.rint(1.0 / np.maximum(inverse, 1.0 / _LARGEST))
    nearest = raw[top + (down >= 0.5)][:, left + (right >= 0.5)]
    return np.where(smooth, between, nearest).astype(np.uint16)


def _one_surface(raw: Array) -> Array:
    """(h - 1, w - 1) bool: whether a pixel and its neighbours to the right and below are known and near each other."""
    corners = (raw[:-1, :-1], raw[:-1, 1:], raw[1:, :-1], raw[1:, 1:])
    low, high = np.minimum.reduce(corners), np.maximum.reduce(corners)
    return (low > 0) & (high - low <= _ONE_SURFACE * low)


def _between(had: int, wanted: int) -> tuple[Array, Array]:
    """For each of ``wanted`` pixels: the pixel before it among ``had``, and how far it is on to the next (-0.5 to 1.5).

    At the border it lies outside of the pair, and the line through the pair goes on.
    """
    at = (np.arange(wanted) + 0.5) * (had / wanted) - 0.5
    first = np.clip(np.floor(at), 0, had - 2).astype(np.int64)
    return first, at - first
