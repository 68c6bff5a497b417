"""A raw surface made fit for use: small pieces dropped, steps of the grid smoothed away, as few faces as carry it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from schemas.arrays import Array

_LEAST_PIECE = 0.03  # of the area of the largest
_SHRINK, _SWELL = 0.5, -0.53  # Taubin 1995: a low pass that keeps the volume


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Triangles without looks.

    Attributes:
        points_m: (V, 3) float64, metres.
        faces: (F, 3) int32, counter-clockwise from outside.
    """

    points_m: Array
    faces: Array

    def face_normals(self) -> tuple[Array, Array]:
        """(F, 3) unit normals and (F,) areas in square metres."""
        a, b, c = (self.points_m[self.faces[:, k]] for k in range(3))
        across = np.cross(b - a, c - a)
        length = np.linalg.norm(across, axis=1)
        return across / np.maximum(length, 1e-18)[:, None], length / 2

    def normals(self) -> Array:
        """(V, 3) unit normals, the mean of the faces about a vertex by their areas."""
        normals, areas = self.face_normals()
        total = np.zeros_like(self.points_m)
        for k in range(3):
            np.add.at(total, self.faces[:, k], normals * areas[:, None])
        return total / np.maximum(np.linalg.norm(total, axis=1), 1e-18)[:, None]

    def only(self, keep: Array) -> "Surface":
        """Of the faces (F,) bool that are kept, with the vertices that they use."""
        used, faces = np.unique(self.faces[keep], return_inverse=True)
        return Surface(self.points_m[used], faces.reshape(-1, 3).astype(np.int32))


def without_scraps(surface: Surface) -> Surface:
    """Without pieces of less than 3 % of the largest one's area."""
    piece = _pieces(surface)[surface.faces[:, 0]]
    area = np.bincount(piece, surface.face_normals()[1])
    return surface.only((area >= _LEAST_PIECE * area.max())[piece])


def _pieces(surface: Surface) -> Array:
    """(V,) int64 number of the piece that each vertex belongs to, by lowest numbers that spread along the edges."""
    label = np.arange(len(surface.points_m))
    while True:
        least = label[surface.faces].min(axis=1)
        spread = label.copy()
        for k in range(3):
            np.minimum.at(spread, surface.faces[:, k], least)
        spread = spread[spread]  # twice as far each time
        if (spread == label).all():
            return label
        label = spread


def smoothed(surface: Surface, rounds: int) -> Surface:
    """Smoothed without shrinking; open rims stay where they are."""
    a, b, rim = edges_of(surface)
    points = surface.points_m.copy()
    fixed = np.zeros(len(points), np.bool_)
    fixed[rim.ravel()] = True
    for _ in range(rounds):
        for step in (_SHRINK, _SWELL):
            move = neighbour_mean(points, a, b) - points
            points += step * np.where(fixed[:, None], 0, move)
    return Surface(points, surface.faces)


def edges_of(surface: Surface) -> tuple[Array, Array, Array]:
    """Both ends (E,), (E,) of every edge, once, and the ends (R, 2) of those that only one face has."""
    edges = np.sort(surface.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    once, count = np.unique(edges, axis=0, return_counts=True)
    return once[:, 0], once[:, 1], once[count == 1]


def neighbour_mean(values: Array, a: Array, b: Array) -> Array:
    """(V, N) mean over the neighbours along the edges a-b; a vertex without any keeps its own."""
    total, count = np.zeros_like(values), np.zeros(len(values))
    np.add.at(total, a, values[b])
    np.add.at(total, b, values[a])
    np.add.at(count, a, 1)
    np.add.at(count, b, 1)
    return np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], values)


def fewer_faces(surface: Surface, most: int) -> Surface:
    """At most about ``most`` faces by quadric edge collapse (Garland and Heckbert 1997)."""
    if len(surface.faces) <= most:
        return surface
    import fast_simplification

    made: Any = fast_simplification.simplify(np.ascontiguousarray(surface.points_m), surface.faces, target_count=most)
    return Surface(np.asarray(made[0], np.float64), np.asarray(made[1], np.int32))
