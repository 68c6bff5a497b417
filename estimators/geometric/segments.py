"""Pieces of the depth image that could be the object: where to look for it when nothing else is known."""

from dataclasses import dataclass

import cv2
import numpy as np

from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.scene import STANDS
from schemas.arrays import Array, checked

_SHRINK = 4
_STEP_M, _STEP_SHARE = 0.012, 0.012  # a larger jump between neighbours parts two things
_LEAST_AREA, _MOST_AREA = 0.03, 1.1  # of the diameter squared
_STOOD = 0.5  # of a piece's pixels
_BINS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """A connected piece of surface.

    Attributes:
        mask: (H, W) bool.
        center_m: (3,) float64, median of its points, camera's frame.
        likeness: How much its colours are the mesh's, 0 to 1.
    """

    mask: Array
    center_m: Array
    likeness: float


def find_segments(
    model: ObjectModel,
    near_m: Array,
    reach_m: float,
    images: FrameImages,
    most: int,
    stands: Array | None = None,
    without: Array | None = None,
) -> list[Segment]:
    """The pieces whose size, place and colour fit, most alike first.

    Args:
        model: The object.
        near_m: (3,) where it was last, camera's frame.
        reach_m: How far from there its centre may be by now.
        images: The frame.
        most: How many are given at most.
        stands: (h, w) uint8 of ``standing`` for a picture four times smaller: what stood there before is left out.
        without: (h, w) bool, pixels of such a picture that are of nothing that is looked for.
    """
    depth = shrunk(images.depth_m)
    inner = _inner(depth)
    if without is not None:
        inner &= ~without
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inner.astype(np.uint8), connectivity=4)
    D = model.mesh.diameter_m
    found: list[tuple[float, int, Array]] = []
    wanted = _histogram(model.surface.rgb)
    colour = images.level(2)
    for label in range(1, count):
        left, top, width, height, area = stats[label]
        if area < 12:
            continue
        window = (slice(top, top + height), slice(left, left + width))
        inside = labels[window] == label
        if stands is not None and (stands[window][inside] == STANDS).mean() > _STOOD:
            continue
        center = _center(depth[window], inside, left, top, images.cam)
        size_m2 = area * (_SHRINK * center[2]) ** 2 / (images.cam[0] * images.cam[1])
        if not _LEAST_AREA * D * D < size_m2 < _MOST_AREA * D * D or np.linalg.norm(center - near_m) > reach_m + D / 2:
            continue
        patch = colour[window][: inside.shape[0], : inside.shape[1]]
        alike = float(np.minimum(_histogram(patch[inside[: patch.shape[0], : patch.shape[1]]]), wanted).sum())
        found.append((alike, label, center))
    found.sort(key=lambda one: -one[0])
    return [Segment(_read_only(_full(labels == label, images)), center, alike) for alike, label, center in found[:most]]


def shrunk(depth_m: Array) -> Array:
    """(h, w): one pixel of each block of four by four."""
    return np.ascontiguousarray(depth_m[_SHRINK // 2 :: _SHRINK, _SHRINK // 2 :: _SHRINK])


def points_of(depth_m: Array, cam: Array) -> Array:
    """(h, w, 3) float64: the points of a shrunk picture, camera's frame.

    Args:
        depth_m: (h, w) of ``shrunk``.
        cam: (4,) fx, fy, cx, cy of the whole picture.
    """
    rows, columns = (_SHRINK * (np.arange(count) + 0.5) for count in depth_m.shape)
    z = depth_m.astype(np.float64)
    x, y = (columns[None, :] - cam[2]) / cam[0] * z, (rows[:, None] - cam[3]) / cam[1] * z
    return np.stack([x, y, z], axis=-1)


def _read_only(mask: Array) -> Array:
    """The same, as the masks of frames are: kernels are compiled once more for arrays that could be written."""
    return checked("mask", mask, mask.shape, np.bool_)


def _inner(depth: Array) -> Array:
    """(h, w) bool: measured, and without a jump to the right or below."""
    inner = depth > 0
    limit = _STEP_M + _STEP_SHARE * depth
    for axis in (0, 1):
        jump = np.abs(np.diff(depth, axis=axis))
        near = [slice(None), slice(None)]
        near[axis] = slice(0, -1)
        inner[tuple(near)] &= jump < limit[tuple(near)]
    return inner


def _center(depth: Array, inside: Array, left: int, top: int, cam: Array) -> Array:
    rows, columns = np.nonzero(inside)
    z = float(np.median(depth[inside]))
    u, v = (left + np.median(columns) + 0.5) * _SHRINK, (top + np.median(rows) + 0.5) * _SHRINK
    return np.array([(u - cam[2]) / cam[0] * z, (v - cam[3]) / cam[1] * z, z])


def _histogram(rgb: Array) -> Array:
    """(64,) shares of colours by their direction, whatever their brightness."""
    values = rgb.reshape(-1, 3).astype(np.float64) + 8.0
    shares = values[:, :2] / values.sum(axis=1, keepdims=True)
    cells = np.clip((shares * 1.5 * _BINS).astype(np.int64), 0, _BINS - 1)
    counts = np.bincount(cells[:, 0] * _BINS + cells[:, 1], minlength=_BINS * _BINS)
    return counts / max(1, len(values))


def _full(small: Array, images: FrameImages) -> Array:
    """The mask at the frame's size, with the rim that the jumps took from it."""
    height, width = images.depth_m.shape
    grown = cv2.dilate(small.astype(np.uint8), np.ones((3, 3), np.uint8))
    mask = cv2.resize(grown, (width, height), interpolation=cv2.INTER_NEAREST) > 0
    inside = images.depth_m[mask & (images.depth_m > 0)]
    core = images.depth_m[cv2.resize(small.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0]
    core = core[core > 0]
    if not len(inside) or not len(core):
        return mask
    return mask & (images.depth_m >= core.min() - 0.005) & (images.depth_m <= core.max() + 0.005)
