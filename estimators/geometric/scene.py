"""What stood still in front of a camera that stands still: it is not an object that was moving."""

import cv2
import numpy as np
from numba import njit

from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from schemas.arrays import Array, checked

GRID = (48, 64)
"""Rows and columns of the depth picture that is remembered."""
_NEAREST_M = 0.05
_STEP_M = 0.004  # 12 bits reach 16 m
_AGE, _OLDEST = 12, 15  # bits below the age, and the highest age that fits above
_STOOD = 2  # times seen alike: then it stands still
_NOISE_M, _NOISE_PER_M = 0.004, 0.006  # of a measurement, the second times the squared depth
_AROUND = 0.7  # of the diameter: what may be the object itself
_UNMOVED = 0.5  # of the cells that stood: fewer, and the camera itself moves
_ROUGH_M = 0.12  # neighbours farther apart are two surfaces
_NEXT = np.ones((3, 3), np.uint8)
STANDS, UNSURE = 1, 2
"""What ``standing`` says of a pixel."""

NOTHING = np.zeros(GRID, np.uint16)
"""The scene before anything was seen."""


def sampled(images: FrameImages) -> Array:
    """(48, 64) float32 depth in the middle of each cell."""
    height, width = images.depth_m.shape
    rows = ((np.arange(GRID[0]) + 0.5) * height / GRID[0]).astype(np.int64)
    columns = ((np.arange(GRID[1]) + 0.5) * width / GRID[1]).astype(np.int64)
    return images.depth_m[rows[:, None], columns]


def learned(scene: Array, images: FrameImages, placement: Placement, diameter_m: float) -> Array:
    """The scene after a frame in which an object's placement is trusted: all but what is about the object.

    Args:
        scene: (48, 64) uint16, steps of 4 mm and, in the upper 4 bits, how often they were seen.
        images: The frame.
        placement: The object.
        diameter_m: Of the object.
    """
    height, width = images.depth_m.shape
    fx, fy, cx, cy = images.cam.tolist()
    x, y, z = placement.t.tolist()
    z = max(z, _NEAREST_M)
    u = (np.arange(GRID[1]) + 0.5) * width / GRID[1] - fx * x / z - cx
    v = (np.arange(GRID[0]) + 0.5) * height / GRID[0] - fy * y / z - cy
    known = checked("scene", scene, GRID, np.uint16)
    return _aged(known, sampled(images), u, v, (_AROUND * diameter_m * fx / z) ** 2)


@njit(nogil=True, cache=True)
def _aged(scene: Array, seen: Array, u: Array, v: Array, around: float) -> Array:
    """The scene after a depth picture (48, 64) float32, but for what is within the root of ``around`` of (u, v) = 0."""
    out = scene.copy()
    for row in range(scene.shape[0]):
        for column in range(scene.shape[1]):
            d = seen[row, column]
            if not (d > 0 and u[column] ** 2 + v[row] ** 2 > around):
                continue
            cell = np.int64(scene[row, column])
            age, steps = cell >> _AGE, cell & 4095
            stood = np.float32(steps) * np.float32(_STEP_M)
            if abs(d - stood) < np.float32(_NOISE_M) + np.float32(_NOISE_PER_M) * d * d:
                age = min(age + 1, _OLDEST)
            else:
                age = max(age, 1) - 1
                # what is farther was hidden before; what is nearer may pass
                if age == 0 or d > stood:
                    age, steps = 0, np.int64(min(np.rint(d / np.float32(_STEP_M)), np.float32(4095)))
            out[row, column] = (age << _AGE) | steps
    return out


def standing(scene: Array, images: FrameImages, factor: int) -> Array | None:
    """(h, w) uint8 for a picture ``factor`` times smaller: ``STANDS`` where it shows what stood there before.

    ``UNSURE`` is where the scene had an edge, and 0 where something else came. None where the camera moves, or nothing
    is known.
    """
    stood = np.where(scene >> _AGE >= _STOOD, _depth(scene), np.float32(0))
    seen = sampled(images)
    known = (stood > 0) & (seen > 0)
    same = known & (np.abs(seen - stood) < _noise(seen))
    if same.sum() < _UNMOVED * max(1, known.sum()):
        return None
    half, (height, width) = factor // 2, images.depth_m.shape
    size = ((width - half + factor - 1) // factor, (height - half + factor - 1) // factor)
    far, near = cv2.dilate(stood, _NEXT), cv2.erode(stood, _NEXT)
    rough = far - near > _ROUGH_M
    wide = cv2.resize(stood, size, interpolation=cv2.INTER_LINEAR)
    slack = cv2.resize(np.where(rough, 0, (far - near) / 4), size, interpolation=cv2.INTER_LINEAR)
    edge = cv2.resize(np.where(rough, near, np.float32(np.inf)), size, interpolation=cv2.INTER_NEAREST)
    return _told(images.depth_m, factor, wide, slack, edge)


@njit(nogil=True, cache=True)
def _told(depth: Array, factor: int, wide: Array, slack: Array, edge: Array) -> Array:
    """What ``standing`` says of every ``factor``-th pixel of a depth picture (H, W).

    Args:
        depth: (H, W) float32 metres.
        factor: How many times smaller the others are.
        wide: (h, w) float32, what stood there.
        slack: (h, w) float32, how uneven that is.
        edge: (h, w) float32, the nearer side of an edge that stood there; infinite where there was none.
    """
    out = np.zeros(wide.shape, np.uint8)
    for row in range(wide.shape[0]):
        for column in range(wide.shape[1]):
            d = depth[factor // 2 + row * factor, factor // 2 + column * factor]
            noise = np.float32(_NOISE_M) + np.float32(_NOISE_PER_M) * d * d
            if d > 0 and abs(d - wide[row, column]) < noise + slack[row, column]:
                out[row, column] = STANDS
            elif d > edge[row, column] - noise:
                out[row, column] = UNSURE
    return out


def share_standing(points: Array, stands: Array | None, images: FrameImages, factor: int) -> float:
    """How much of what is taken for an object stood there before, 0 to 1.

    Args:
        points: (N, 3) of its surface, in the camera's frame.
        stands: Of ``standing``.
        images: The frame.
        factor: As for ``standing``.
    """
    if stands is None:
        return 0.0
    fx, fy, cx, cy = images.cam
    u = np.rint(points[:, 0] / points[:, 2] * fx + cx).astype(np.int64)
    v = np.rint(points[:, 1] / points[:, 2] * fy + cy).astype(np.int64)
    height, width = images.depth_m.shape
    inside = (u >= 0) & (v >= 0) & (u < width) & (v < height)
    u, v, z = u[inside], v[inside], points[inside, 2]
    placed = np.abs(images.depth_m[v, u] - z) < 2 * _noise(z)
    rows, columns = np.minimum(v // factor, stands.shape[0] - 1), np.minimum(u // factor, stands.shape[1] - 1)
    told = stands[rows, columns][placed]
    told = told[told != UNSURE]
    return float((told == STANDS).mean()) if len(told) else 0.0


def _depth(scene: Array) -> Array:
    return (scene & 4095).astype(np.float32) * np.float32(_STEP_M)


def _noise(depth_m: Array) -> Array:
    return _NOISE_M + _NOISE_PER_M * depth_m * depth_m
