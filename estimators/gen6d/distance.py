"""Depth fixes how far an object is; Gen6D's own distance comes from its size in the picture alone."""

from typing import NamedTuple

import numpy as np

from schemas.arrays import Array

_GATES = (0.6, 0.2)
"""Of the diameter: depth that differs by more from where the object is thought belongs to something else."""
_NEAR = 0.1  # of the diameter: counts as measured there
_LEAST_POINTS = 30
_LEAST_SHARE = 0.2
_CELLS = 40  # a side over the object: of points in one cell the nearest is seen


class Measured(NamedTuple):
    """What depth says of a pose.

    Attributes:
        cam_from_obj: (3, 4) moved along the line of sight.
        agreement: Share of its visible points that are measured where they are then; NaN where depth says nothing.
    """

    cam_from_obj: Array
    agreement: float


def measured(points_m: Array, cam_from_obj: Array, K: Array, depth_m: Array, diameter_m: float) -> Measured:
    """A pose in the distance that depth says.

    Args:
        points_m: (N, 3) about the object's surface, its frame.
        cam_from_obj: (3, 4).
        K: (3, 3), pixels.
        depth_m: (H, W) float32, 0 or not finite where unknown.
        diameter_m: Of the object.

    Returns:
        The pose as it was where less than a fifth of what is visible of it has depth near it.
    """
    pose = cam_from_obj
    for gate in _GATES:
        expected, seen = _visible(points_m, pose, K, depth_m)
        if len(seen) < _LEAST_POINTS:
            return Measured(cam_from_obj, float("nan"))
        off = seen - expected
        near = np.abs(off) < gate * diameter_m
        if near.sum() < max(_LEAST_POINTS, _LEAST_SHARE * len(off)):
            return Measured(cam_from_obj, float(near.mean()))
        pose = _moved(pose, points_m.mean(axis=0), float(np.median(off[near])))
    expected, seen = _visible(points_m, pose, K, depth_m)
    return Measured(pose, float((np.abs(seen - expected) < _NEAR * diameter_m).mean()) if len(seen) else 0.0)


def _visible(points_m: Array, pose: Array, K: Array, depth_m: Array) -> tuple[Array, Array]:
    """Depths at which the nearest point of each cell is expected, and what is measured there; where something is."""
    camera = points_m @ pose[:, :3].T + pose[:, 3]
    camera = camera[camera[:, 2] > 0]
    pixels = camera @ K.T
    pixels = np.rint(pixels[:, :2] / pixels[:, 2:]).astype(np.int64)
    height, width = depth_m.shape
    inside = (pixels >= 0).all(axis=1) & (pixels < (width, height)).all(axis=1)
    pixels, z = pixels[inside], camera[inside, 2]
    if not len(z):
        return z, z
    cell = (pixels - pixels.min(axis=0)) // max(1, int(np.ptp(pixels, axis=0).max()) // _CELLS)
    order = np.lexsort((z, cell[:, 1], cell[:, 0]))
    first = np.ones(len(order), np.bool_)
    first[1:] = (np.diff(cell[order], axis=0) != 0).any(axis=1)
    front = order[first]
    found = depth_m[pixels[front, 1], pixels[front, 0]]
    known = np.isfinite(found) & (found > 0)
    return z[front][known], found[known]


def _moved(pose: Array, center_m: Array, by_m: float) -> Array:
    """The pose with the object's centre moved along its line of sight, by so much in z."""
    center = pose[:, :3] @ center_m + pose[:, 3]
    out = pose.copy()
    out[:, 3] += center / center[2] * by_m
    return out
