"""Which references of many: those that are spread evenly, and those that see an object from nearly the same side."""

import numpy as np

from schemas.arrays import Array

_FAR = 1e8


def spread(points: Array, count: int) -> Array:
    """Indices of points that lie far from each other, by farthest point selection from their mean on.

    As the reference has it: the mean itself takes one of the places, so that where there are no more than ``count``
    points one of them is left out.

    Args:
        points: (N, 3).
        count: Wanted.

    Returns:
        (min(N, count + 1) - 1,) int64, in the order of selection; of equally far ones the first.
    """
    distances = np.full(len(points), _FAR, points.dtype)
    latest = points.mean(axis=0)
    chosen: list[int] = []
    for _ in range(min(len(points), count + 1) - 1):
        distances = np.minimum(distances, np.linalg.norm(points - latest, axis=1))
        chosen.append(int(np.argmax(distances)))
        latest = points[chosen[-1]]
    return np.array(chosen, np.int64)


def direction_cosines(positions: Array, others: Array) -> Array:
    """(N, M) cosines between the directions of camera positions (N, 3) and (M, 3) from the object's centre."""
    one, other = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (positions, others))
    return one @ other.T


def nearest(positions: Array, position: Array, count: int) -> Array:
    """Indices (count,) of the positions (N, 3) whose direction is nearest to that of one (3,), best first."""
    cosines = direction_cosines(positions, position[None])[:, 0]
    return np.argsort(-cosines, kind="stable")[:count]
