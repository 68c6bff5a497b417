"""Where the corners of a rendered picture are found in the observed one."""

from typing import Any

import cv2
import numpy as np

from schemas.arrays import Array

_CORNERS = 90
_WINDOW = (13, 13)
_RETURN_PX = 0.7
_BORDER_PX = 9
_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.02)


def find_corners(rendered: Array, observed: Array, mask: Array) -> tuple[Array, Array]:
    """Corners of the render, and where Lucas-Kanade finds them in the image, there and back.

    Args:
        rendered: (S, S) uint8 local contrast of the render.
        observed: (S, S) uint8 local contrast of the crop of the frame, the same window.
        mask: (S, S) bool, where the object was drawn.

    Returns:
        (M, 2) int64 pixels in the render and (M, 2) float32 pixels in the observed crop.
    """
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=_BORDER_PX // 2)
    corners: Any = cv2.goodFeaturesToTrack(rendered, _CORNERS, 0.05, 4, mask=inner, blockSize=5)
    if corners is None or len(corners) < 4:
        return np.zeros((0, 2), np.int64), np.zeros((0, 2), np.float32)
    there, ok, _ = cv2.calcOpticalFlowPyrLK(
        rendered, observed, corners, np.empty_like(corners), winSize=_WINDOW, maxLevel=2, criteria=_STOP
    )
    # the way back starts where it should end: a wrong place does not stay there, and a right one is found at once
    back, ok_back, _ = cv2.calcOpticalFlowPyrLK(
        observed, rendered, there, corners.copy(), winSize=_WINDOW, maxLevel=0, criteria=_STOP,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )  # fmt: skip
    close = np.linalg.norm((back - corners)[:, 0], axis=1) < _RETURN_PX
    kept = close & (ok[:, 0] == 1) & (ok_back[:, 0] == 1)
    return corners[kept, 0].astype(np.int64), there[kept, 0]
