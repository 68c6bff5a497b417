"""Where the corners of a rendered picture are found in the observed one."""

from typing import Any

import cv2
import numpy as np

from estimators.geometric.corners import agreeing, in_place, led_back
from estimators.geometric.look import Look
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from schemas.arrays import Array

_CORNERS, _FEWEST = 90, 4
_WINDOW = (13, 13)
_BORDER_PX, _ROOM_PX = 9, 5
_NEXT = np.ones((3, 3), np.uint8)
_AGREE_PX = 2.5
NO_POINTS, NO_PLACES = np.zeros((0, 3)), np.zeros((0, 2))
_NO_CORNERS = np.zeros((0, 1, 2), np.float32)
_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.02)


def _corners(rendered: Array, mask: Array) -> Array:
    """(M, 1, 2) float32 corners of a render (S, S) uint8, pixels, where a mask (S, S) bool has room around them."""
    inner = cv2.erode(mask.view(np.uint8), _NEXT, iterations=_BORDER_PX // 2)
    left, top, width, height = cv2.boundingRect(inner)
    if not width:
        return _NO_CORNERS
    # the measure of a corner reaches four pixels: what lies farther from the mask need not be measured
    left, top, right, bottom = max(0, left - _ROOM_PX), max(0, top - _ROOM_PX), left + width, top + height
    window = (slice(top, bottom + _ROOM_PX), slice(left, right + _ROOM_PX))
    found: Any = cv2.goodFeaturesToTrack(rendered[window], _CORNERS, 0.05, 4, mask=inner[window], blockSize=5)
    if found is None or len(found) < _FEWEST:
        return _NO_CORNERS
    return found + np.array([left, top], np.float32)


def found_again(look: Look, placement: Placement, images: FrameImages) -> tuple[Array, Array]:
    """(M, 3) points about the centre and (M, 2) pixels of the frame where their texture was found.

    Lucas-Kanade finds corners of the render in the crop of the frame, there and back; those that depth says are not
    there need no way back. That way starts where it should end: a wrong place does not stay there, and a right one is
    found at once.
    """
    corners = _corners(look.rendered, look.mask)
    if not len(corners):
        return NO_POINTS, NO_PLACES
    crop, crop_cam = look.crop, look.crop.cam
    there, ok, _ = cv2.calcOpticalFlowPyrLK(
        look.rendered, look.observed, corners, np.empty_like(corners), winSize=_WINDOW, maxLevel=2, criteria=_STOP
    )
    places = in_place(corners, there, ok, look.depth_m, crop_cam, crop.zoom, images.depth_m, images.cam)
    kept = np.flatnonzero(~np.isnan(places[:, 0]))
    if not len(kept):
        return NO_POINTS, NO_PLACES
    corners = corners[kept]
    back, ok, _ = cv2.calcOpticalFlowPyrLK(
        look.observed, look.rendered, there[kept], corners.copy(), winSize=_WINDOW, maxLevel=0, criteria=_STOP,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )  # fmt: skip
    return led_back(corners, back, ok, places[kept], look.depth_m, crop_cam, placement.R, placement.t)


def consistent(texture: Array, places: Array, placement: Placement, images: FrameImages, zoom: float) -> int:
    """Points of the texture whose place in the image agrees with a placement to 2.5 px of the crop."""
    if not len(texture):
        return 0
    return agreeing(texture, places, placement.R, placement.t, images.cam, _AGREE_PX / zoom)
