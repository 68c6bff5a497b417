"""Pieces of surface: a grid of points that is closed around, and pieces joined into one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schemas.arrays import Array


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A closed surface, or several that may run into each other.

    Attributes:
        points: (V, 3) float64, doubled along seams of ``uv``.
        faces: (F, 3) int64, counter-clockwise seen from outside.
        uv: (V, 2) float64 from 0 to 1, v upwards.
        aspect: Width of the whole of uv over its height, on the surface.
    """

    points: Array
    faces: Array
    uv: Array
    aspect: float = 1.0

    def moved(self, turn: Array, shift: Array) -> "Patch":
        """Turned by a (3, 3) matrix of determinant above 0, then shifted by (3,)."""
        return Patch(self.points @ turn.T + shift, self.faces, self.uv, self.aspect)


def grid_patch(rows: Array, *, ring: bool = False) -> Patch:
    """A surface through rows of points, each row closed in itself.

    Seen along the rows' order, points of a row go counter-clockwise about it. First and last row close the surface:
    they are each one point so many times over, or (``ring``) the last is joined to the first.

    Args:
        rows: (R, C, 3).
        ring: Whether the last row is joined to the first.
    """
    if ring:
        rows = np.concatenate([rows, rows[:1]])
    count, around = rows.shape[:2]
    points = np.concatenate([rows, rows[:, :1]], axis=1) + 0.0  # the seam twice; + 0.0 makes -0.0 equal to 0.0
    along = np.linalg.norm(np.diff(points, axis=0), axis=2).mean(axis=1)
    height = np.concatenate([[0.0], np.cumsum(along)])
    width = np.linalg.norm(np.diff(points, axis=1), axis=2).sum(axis=1).max()
    u, v = np.meshgrid(np.arange(around + 1) / around, height / max(height[-1], 1e-12))
    a = (np.arange(count - 1)[:, None] * (around + 1) + np.arange(around)[None]).reshape(-1)
    b, c, d = a + 1, a + around + 2, a + around + 1
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    uv = np.stack([u, v], axis=-1).reshape(-1, 2)
    return Patch(points.reshape(-1, 3), faces, uv, float(width / max(height[-1], 1e-12)))


def joined(patches: Sequence[Patch]) -> Patch:
    """All of them as one; they keep their uv, which then overlap."""
    starts = np.cumsum([0, *(len(one.points) for one in patches[:-1])])
    return Patch(
        np.concatenate([one.points for one in patches]),
        np.concatenate([one.faces + start for one, start in zip(patches, starts, strict=True)]),
        np.concatenate([one.uv for one in patches]),
        patches[0].aspect,
    )


def unwrapped(points: Array, faces: Array) -> Patch:
    """A surface whose uv are those of the six sides of its bounding box, in two rows of three.

    Each face is seen from the side that it looks at most; what lies behind each other there has the same uv.

    Args:
        points: (V, 3).
        faces: (F, 3).
    """
    a, b, c = (points[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    axis = np.argmax(np.abs(normal), axis=1)
    side = axis + 3 * (np.take_along_axis(normal, axis[:, None], axis=1)[:, 0] < 0)
    key, corner = np.unique(faces * 6 + side[:, None], return_inverse=True)
    vertex, side = key // 6, key % 6
    low, high = points.min(axis=0), points.max(axis=0)
    share = (points[vertex] - low) / np.maximum(high - low, 1e-12)
    across = np.array([1, 0, 0])[side % 3]
    upward = np.array([2, 2, 1])[side % 3]
    rows = np.arange(len(key))
    inset = 0.02 + 0.96 * np.stack([share[rows, across], share[rows, upward]], axis=1)
    cells = np.stack([side % 3 + inset[:, 0], side // 3 + inset[:, 1]], axis=1)
    return Patch(points[vertex] + 0.0, corner.reshape(-1, 3), cells / (3, 2), 1.5)
