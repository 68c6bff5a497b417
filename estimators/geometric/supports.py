"""Planes that things stand on or before: table, floor, wall."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schemas.arrays import Array

_MOST_PLANES = 4
_LEAST_SHARE = 0.06  # of the measured pixels
_TRIES = 120
_SAMPLE = 1500  # points that a plane is judged by
_NEAR_M, _NEAR_SHARE = 0.006, 0.006  # of a plane, and of the distance: noise of depth cameras grows with it
_SEED = 5


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A plane of a scene.

    Attributes:
        mask: (h, w) bool, its pixels.
        reach_m: How far it reaches in the direction in which it reaches least.
    """

    mask: Array
    reach_m: float


def supports(planes: Sequence[Plane], shape: tuple[int, int], least_m: float) -> Array:
    """(h, w) bool, which pixels lie on a plane that reaches so far: a smaller one may be a side of the object."""
    found = np.zeros(shape, np.bool_)
    for plane in planes:
        if plane.reach_m >= least_m:
            found |= plane.mask
    return found


def find_planes(points_m: Array) -> list[Plane]:
    """The planes that many pixels lie on, the fullest first.

    RANSAC (Fischler and Bolles 1981), one plane after the other, each fitted again to what lies near it.

    Args:
        points_m: (h, w, 3) float64, camera's frame; z is 0 where nothing is measured.
    """
    left = points_m[..., 2] > 0
    found: list[Plane] = []
    least = _LEAST_SHARE * left.sum()
    random = np.random.default_rng(_SEED)
    for _ in range(_MOST_PLANES):
        points = points_m[left]
        if len(points) < max(least, 3):
            break
        plane = _best_plane(points, random)
        near = left & _near(plane, points_m)
        if near.sum() < least:
            break
        left &= ~near
        found.append(Plane(near, _reach_m(points_m[near])))
    return found


def _best_plane(points: Array, random: np.random.Generator) -> Array:
    """(4,) unit normal and offset."""
    sample = points[random.integers(0, len(points), min(_SAMPLE, len(points)))]
    a, b, c = sample[random.integers(0, len(sample), (3, _TRIES))]
    normals = np.cross(b - a, c - a)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    offsets = -np.sum(normals * a, axis=1)
    off_m = np.abs(sample @ normals.T + offsets)
    best = int(np.argmax((off_m < _tolerance_m(sample[:, 2:])).sum(axis=0)))
    plane = np.append(normals[best], offsets[best])
    near = sample[_near(plane, sample)]
    center = near.mean(axis=0)
    normal = np.linalg.svd(near - center, full_matrices=False)[2][2]
    return np.append(normal, -normal @ center)


def _near(plane: Array, points_m: Array) -> Array:
    return np.abs(points_m @ plane[:3] + plane[3]) < _tolerance_m(points_m[..., 2])


def _tolerance_m(z_m: Array) -> Array:
    return _NEAR_M + _NEAR_SHARE * z_m


def _reach_m(points: Array) -> float:
    """How far points of a plane reach in the direction in which they reach least, but for the outermost tenths."""
    spread = points - points.mean(axis=0)
    axes = np.linalg.svd(spread[:: max(1, len(spread) // _SAMPLE)], full_matrices=False)[2][:2]
    low, high = np.percentile(spread @ axes.T, (10, 90), axis=0)
    return float((high - low).min())
