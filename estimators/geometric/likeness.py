"""Turns that leave an object's shape nearly as it is, found from the mesh: what depth alone cannot tell apart."""

from itertools import permutations, product

import numpy as np
from numba import njit

from estimators.mesh import Mesh
from schemas.arrays import Array

_STEP_DEG = 30  # texture finds the rest of a turn about a continuous axis
_LIMIT = 0.025  # of the diameter: mean distance of the turned surface to itself
_POINTS, _QUERIES = 1500, 250
_MOST = 48  # only a ball has more, and each costs a comparison
_SAME_COSINE = np.cos(np.radians(12.0))


def shape_turns(mesh: Mesh) -> Array:
    """(G, 3, 3) rotations about the middle of the box after which the shape is nearly the same; the identity first.

    Tried: the 24 turns of a cube and steps of 30 degrees about each axis, with and without a flip, in the frame
    of the mesh and in that of its principal axes; the frame that gives more is taken. At most 48.
    """
    points = _surface_points(mesh, _POINTS)
    _, vectors = np.linalg.eigh(np.cov(points.T))
    principal = vectors * np.sign(np.linalg.det(vectors))
    groups = [_group(points, frame, _LIMIT * mesh.diameter_m) for frame in (np.eye(3), principal)]
    return np.stack(max(groups, key=len)[:_MOST])


def _group(points: Array, frame: Array, limit_m: float) -> list[Array]:
    """The turns, tried in one frame, that take the points close to themselves; none twice."""
    kept = [np.eye(3)]
    for turn in _candidates():
        rotation = frame @ turn @ frame.T
        known = (np.einsum("ij,kij->k", rotation, np.stack(kept)) - 1) / 2 > _SAME_COSINE
        if not known.any() and _is_close(points[:_QUERIES] @ rotation.T, points, limit_m):
            kept.append(rotation)
    return kept


def _candidates() -> list[Array]:
    """The turns tried, in one frame."""
    turns: list[Array] = []
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            turn = np.zeros((3, 3))
            turn[range(3), order] = signs
            if np.linalg.det(turn) > 0:
                turns.append(turn)
    for axis in range(3):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        flip = np.eye(3)
        flip[axis, axis] = flip[i, i] = -1.0
        for degrees in range(0, 360, _STEP_DEG):
            c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
            turn = np.eye(3)
            turn[i, i], turn[i, j], turn[j, i], turn[j, j] = c, -s, s, c
            turns += [turn, turn @ flip]
    return turns


def _surface_points(mesh: Mesh, count: int) -> Array:
    """(count, 3) float64 points about the middle of the box, spread over the area, always the same."""
    rng = np.random.default_rng(0)
    a, b, c = (mesh.vertices_m[mesh.faces[:, k]].astype(np.float64) for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    face = rng.choice(len(area), count, p=area / area.sum())
    u, v = rng.random(count), rng.random(count)
    folded = u + v > 1
    u, v = np.where(folded, 1 - u, u)[:, None], np.where(folded, 1 - v, v)[:, None]
    return a[face] + u * (b[face] - a[face]) + v * (c[face] - a[face]) - mesh.center_m


@njit(nogil=True, cache=True)
def _is_close(queries: Array, points: Array, limit: float) -> bool:
    """Whether queries (M, 3) have a mean distance below the limit to their nearest point (N, 3)."""
    total, most = 0.0, limit * queries.shape[0]
    for i in range(queries.shape[0]):
        best = np.inf
        for j in range(points.shape[0]):
            dx, dy, dz = queries[i, 0] - points[j, 0], queries[i, 1] - points[j, 1], queries[i, 2] - points[j, 2]
            best = min(best, dx * dx + dy * dy + dz * dz)
        total += np.sqrt(best)
        if total >= most:
            return False
    return True
