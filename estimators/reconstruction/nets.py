"""A grid of signed distances to triangles by surface nets (Gibson 1998): near-even faces, no tables."""

import numpy as np

from schemas.arrays import Array

_CORNERS = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
_EDGES = tuple((a, b) for a in range(8) for b in range(a + 1, 8) if int(np.abs(_CORNERS[a] - _CORNERS[b]).sum()) == 1)


def surface_net(distance: Array, known: Array) -> tuple[Array, Array]:
    """The zero surface of a grid.

    Each cell that the surface crosses gives one vertex, the mean of the crossings of its edges; each edge of the grid
    that is crossed gives two faces between the four cells about it.

    Args:
        distance: (X, Y, Z) float32, negative inside.
        known: (X, Y, Z) bool; cells with a corner that is not known are left open.

    Returns:
        (V, 3) float64 vertices in steps of the grid, and (F, 3) int32 faces, counter-clockwise from outside.
    """
    inside = distance < 0
    cells = tuple(size - 1 for size in distance.shape)
    count, sound = np.zeros(cells, np.int8), np.ones(cells, np.bool_)
    for corner in _CORNERS:
        part = tuple(slice(c, c + n) for c, n in zip(corner, cells, strict=True))
        count += inside[part]
        sound &= known[part]
    where = np.argwhere((count > 0) & (count < 8) & sound)
    number = np.full(cells, -1, np.int32)
    number[tuple(where.T)] = np.arange(len(where))
    return _vertices(distance, where), _faces(inside, number)


def _vertices(distance: Array, where: Array) -> Array:
    values = np.stack([distance[tuple((where + corner).T)] for corner in _CORNERS], axis=1).astype(np.float64)
    total, crossings = np.zeros((len(where), 3)), np.zeros(len(where))
    for a, b in _EDGES:
        crossed = (values[:, a] < 0) != (values[:, b] < 0)
        along = values[crossed, a] / (values[crossed, a] - values[crossed, b])
        total[crossed] += _CORNERS[a] + along[:, None] * (_CORNERS[b] - _CORNERS[a])
        crossings += crossed
    return where + total / np.maximum(crossings, 1)[:, None]


def _faces(inside: Array, number: Array) -> Array:
    found: list[Array] = []
    for axis in range(3):
        b, c = np.eye(3, dtype=int)[(axis + 1) % 3], np.eye(3, dtype=int)[(axis + 2) % 3]
        low = np.moveaxis(inside, axis, 0)
        crossed = np.argwhere(np.moveaxis(low[1:] != low[:-1], 0, axis))
        room = ((crossed >= b + c) & (crossed < np.array(number.shape))).all(axis=1)
        crossed = crossed[room]
        quad = np.stack([number[tuple((crossed - by).T)] for by in (b + c, c, 0 * b, b)], axis=1)
        leaving = inside[tuple(crossed.T)]  # the surface looks along the axis
        keep = (quad >= 0).all(axis=1)
        quad = np.where(leaving[:, None], quad, quad[:, ::-1])[keep]
        found += [quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]]
    return np.concatenate(found).astype(np.int32)
