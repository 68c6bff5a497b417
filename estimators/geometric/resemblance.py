"""How alike a render and the image are over a whole outline: slower and surer than by a few hundred points."""

import cv2
import numpy as np

from estimators.geometric.look import Look
from estimators.geometric.pictures import FrameImages
from estimators.geometric.tint import LOGS
from schemas.arrays import Array

_FINE_PX, _BROAD_PX = 0.8, 2.0
_ROOM_PX = 8  # OpenCV's kernels for 8 bits reach three sigma
_MIN_PIXELS = 50
_THERE_M = 0.02
_CHROMA_FLOOR, _LIGHT_FLOOR, _CONTRAST_FLOOR = 0.01, 0.02, 25.0  # variances that noise alone can have
# a label's back may repeat its front: broad colour and brightness told the two apart in 10 of 10 frames of a
# recorded can, local contrast in 3
_CHROMA, _LIGHT, _CONTRAST = 3.0, 3.0, 1.0
_MORE_ALIKE = 0.2  # of these 7


def in_crop(image: Array, look: Look) -> Array:
    """An image of the frame's size, seen through a look's window; nearest pixels, 0 outside."""
    height, width = look.mask.shape
    return cv2.warpAffine(image, look.crop.crop_from_frame, (width, height), flags=cv2.INTER_NEAREST)


def uncovered(look: Look, images: FrameImages) -> Array:
    """(S, S) bool, pixels of a look where depth shows the object and nothing in front of it; all without depth."""
    if not images.sees_depth:
        return look.mask
    measured = in_crop(images.depth_m, look)
    return look.mask & (measured > 0) & (np.abs(measured - look.depth_m) < _THERE_M)


def resemblance(look: Look, seen: Array) -> float:
    """Weighted correlations of colour, brightness and local contrast, 0 to 7.

    Logarithms make colour and brightness independent of the light's colour and strength.

    Args:
        look: The render beside the crop of the frame.
        seen: (S, S) bool, where the object is visible; only pixels that were drawn too count.
    """
    both = look.mask & seen
    if both.sum() < _MIN_PIXELS:
        return 0.0
    window = _window(both)
    both, pictures = both[window], (look.picture[window], look.crop.rgb[window])
    fine = [_logs(image, both, _FINE_PX) for image in pictures]
    broad = [_logs(image, both, _BROAD_PX).mean(axis=1) for image in pictures]
    contrasts = look.rendered[window], look.observed[window]
    local = [cv2.GaussianBlur(image, (0, 0), _FINE_PX)[both].astype(np.float64) for image in contrasts]
    chroma = sum(
        _correlation(fine[0][:, k] - fine[0][:, 1], fine[1][:, k] - fine[1][:, 1], _CHROMA_FLOOR) for k in (0, 2)
    )
    light = _correlation(broad[0], broad[1], _LIGHT_FLOOR)
    contrast = _correlation(local[0], local[1], _CONTRAST_FLOOR)
    return _CHROMA * max(0.0, chroma / 2) + _LIGHT * max(0.0, light) + _CONTRAST * max(0.0, contrast)


def seen_alike(look: Look, images: FrameImages) -> float:
    """``resemblance`` over what depth shows of the object."""
    return resemblance(look, uncovered(look, images))


def more_alike(other: Look, look: Look, images: FrameImages) -> bool:
    """Whether the colours of all that is seen speak for another look; points alone mistake a shade for a label."""
    return seen_alike(other, images) > seen_alike(look, images) + _MORE_ALIKE


def _window(mask: Array) -> tuple[slice, slice]:
    """Rows and columns of a mask (S, S) bool, with room for the widest blur: what lies outside changes nothing."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    rows, columns = (
        slice(max(0, top - _ROOM_PX), top + height + _ROOM_PX),
        slice(max(0, left - _ROOM_PX), left + width + _ROOM_PX),
    )
    return rows, columns


def _logs(rgb: Array, chosen: Array, blur_px: float) -> Array:
    """(N, 3) logarithms of blurred colours."""
    blurred: Array = cv2.GaussianBlur(rgb, (0, 0), blur_px)[chosen]
    return LOGS[blurred]


def _correlation(one: Array, other: Array, floor: float) -> float:
    """Pearson's, with variances raised by what noise has, so that flat pictures agree on nothing."""
    one, other = one - one.mean(), other - other.mean()
    return float((one * other).mean() / np.sqrt(((one**2).mean() + floor) * ((other**2).mean() + floor)))
