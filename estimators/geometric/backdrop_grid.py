"""A frame in the small picture that the backdrop is kept in."""

import cv2
import numpy as np

from estimators.geometric.backdrop import GRID
from estimators.geometric.pictures import FrameImages
from schemas.arrays import Array


def sampled(images: FrameImages) -> Array:
    """(120, 160, 3) uint8, the frame made small."""
    return cv2.resize(images.level(2), GRID[::-1], interpolation=cv2.INTER_AREA)


def grid_in(A: Array, images: FrameImages) -> Array:
    """(2, 3) float64, the map of the grid's pixels to a picture's; ``A`` (3, 3) or (2, 3) is that of the frame's."""
    height, width = images.depth_m.shape
    sx, sy = width / GRID[1], height / GRID[0]
    frame_from_grid = np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1.0]])
    return A[:2] @ frame_from_grid
