"""Kernel that picks points spread over a rendered picture."""

import numpy as np
from numba import njit

from schemas.arrays import Array

_GRAZING = -0.1  # of the normal's z: what is seen more aslant is measured badly


@njit(nogil=True, cache=True)
def spread(
    depth: Array, normal: Array, rgb: Array, cam: Array, R: Array, t: Array, most: int
) -> tuple[Array, Array, Array, Array]:
    """At most ``most`` pixels of a render, evenly in the order of rows.

    Args:
        depth: (S, S) float32 metres, 0 where nothing is drawn.
        normal: (S, S, 3) float32, camera's frame.
        rgb: (S, S, 3) uint8.
        cam: (4,) float64 of the picture.
        R: (3, 3) float64 of cam_from_centre.
        t: (3,) float64 metres.
        most: How many.

    Returns:
        (N, 2) int64 row and column, (N, 3) float64 points and (N, 3) float64 normals about the object's
        centre, (N, 3) uint8 colours.
    """
    count = 0
    for v in range(depth.shape[0]):
        for u in range(depth.shape[1]):
            if depth[v, u] > 0.0 and normal[v, u, 2] < _GRAZING:
                count += 1
    size = min(most, count)
    places, colours = np.empty((size, 2), np.int64), np.empty((size, 3), np.uint8)
    points, normals = np.empty((size, 3)), np.empty((size, 3))
    seen, taken = 0, 0
    for v in range(depth.shape[0]):
        for u in range(depth.shape[1]):
            if depth[v, u] > 0.0 and normal[v, u, 2] < _GRAZING:
                if taken < size and seen >= taken * (count - 1) // max(1, size - 1):
                    places[taken, 0], places[taken, 1] = v, u
                    taken += 1
                seen += 1
    for i in range(size):
        v, u = places[i, 0], places[i, 1]
        z = float(depth[v, u])
        x, y, z = (u - cam[2]) / cam[0] * z - t[0], (v - cam[3]) / cam[1] * z - t[1], z - t[2]
        for k in range(3):
            points[i, k] = x * R[0, k] + y * R[1, k] + z * R[2, k]
            normals[i, k] = normal[v, u, 0] * R[0, k] + normal[v, u, 1] * R[1, k] + normal[v, u, 2] * R[2, k]
            colours[i, k] = rgb[v, u, k]
    return places, points, normals, colours
