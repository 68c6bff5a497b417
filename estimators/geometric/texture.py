"""Where the corners of a rendered picture are found in the observed one."""

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from schemas.arrays import Array

if TYPE_CHECKING:
    from estimators.geometric.look import Look
    from estimators.geometric.pictures import FrameImages
    from estimators.geometric.placement import Placement

_CORNERS = 90
_WINDOW = (13, 13)
_RETURN_PX = 0.7
_BORDER_PX = 9
_AGREE_PX = 2.5
_HIDDEN_M, _BEHIND_M = -0.025, 0.04  # of what depth may say where a corner was found
NO_POINTS, NO_PLACES = np.zeros((0, 3)), np.zeros((0, 2))
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


def _lift(rows: Array, columns: Array, depth_m: Array, K: Array, placement: "Placement") -> Array:
    """(N, 3) points about the object's centre under pixels of a render."""
    z = depth_m[rows, columns].astype(np.float64)
    seen = np.stack([(columns - K[0, 2]) / K[0, 0] * z, (rows - K[1, 2]) / K[1, 1] * z, z], axis=1)
    return np.ascontiguousarray((seen - placement.t) @ placement.R)


def found_again(look: "Look", placement: "Placement", images: "FrameImages") -> tuple[Array, Array]:
    """(M, 3) points about the centre and (M, 2) pixels of the frame where their texture was found."""
    drawn, found = find_corners(look.rendered, look.observed, look.mask)
    if not len(drawn):
        return NO_POINTS, NO_PLACES
    places = (found.astype(np.float64) - look.crop.K[:2, 2]) / look.crop.zoom + images.K[:2, 2]
    z = look.depth_m[drawn[:, 1], drawn[:, 0]]
    height, width = images.depth_m.shape
    column, row = np.rint(places[:, 0]).astype(np.int64), np.rint(places[:, 1]).astype(np.int64)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    measured = images.depth_m[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
    gap = measured - z
    kept = inside & ((measured <= 0) | ((gap > _HIDDEN_M) & (gap < _BEHIND_M)))
    points = _lift(drawn[kept, 1], drawn[kept, 0], look.depth_m, look.crop.K, placement)
    return points, np.ascontiguousarray(places[kept])


def consistent(texture: Array, places: Array, placement: "Placement", images: "FrameImages", zoom: float) -> int:
    """Points of the texture whose place in the image agrees with a placement to 2.5 px of the crop."""
    if not len(texture):
        return 0
    at = texture @ placement.R.T + placement.t
    seen = at[:, :2] / at[:, 2:] * images.cam[:2] + images.cam[2:]
    return int((np.linalg.norm(seen - places, axis=1) * zoom < _AGREE_PX).sum())
