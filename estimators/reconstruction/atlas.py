"""A surface laid flat: where each texel of its texture lies on it."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from estimators.reconstruction.clean import Surface
from schemas.arrays import Array

_PADDING_PX = 4


@dataclass(frozen=True, slots=True, eq=False)
class Atlas:
    """A surface with texture coordinates.

    Attributes:
        surface: Vertices doubled along the seams.
        uv: (V, 2) float32, v upwards as in OBJ files.
        face: (S, S) int32, the face that a texel lies on; -1 between the charts.
        weights: (S, S, 3) float32, its place among the face's corners.
    """

    surface: Surface
    uv: Array
    face: Array
    weights: Array

    def places(self, normals: Array) -> tuple[Array, Array, Array]:
        """Texels (N, 2) row and column that lie on the surface, their points (N, 3) and unit normals (N, 3).

        Args:
            normals: (V, 3) of the vertices.
        """
        texels = np.argwhere(self.face >= 0)
        corners = self.surface.faces[self.face[tuple(texels.T)]]
        weights = self.weights[tuple(texels.T)][..., None]
        points = (self.surface.points_m[corners] * weights).sum(axis=1)
        turned = (normals[corners] * weights).sum(axis=1)
        return texels, points, turned / np.maximum(np.linalg.norm(turned, axis=1), 1e-12)[:, None]


def lay_flat(surface: Surface, side_px: int) -> Atlas:
    """Charts of little distortion in a square texture of ``side_px`` (xatlas: Lévy et al. 2002)."""
    import xatlas

    made = xatlas.Atlas()
    made.add_mesh(surface.points_m.astype(np.float32), surface.faces.astype(np.uint32))
    packing = xatlas.PackOptions()
    packing.resolution, packing.padding, packing.bilinear = side_px, _PADDING_PX, True
    made.generate(xatlas.ChartOptions(), packing)
    source, faces, uv = made[0]
    flat = Surface(surface.points_m[source], np.asarray(faces, np.int32))
    uv = np.asarray(uv, np.float32).clip(0, 1)
    face, weights = np.full((side_px, side_px), -1, np.int32), np.zeros((side_px, side_px, 3), np.float32)
    at = np.stack([uv[:, 0] * side_px - 0.5, (1 - uv[:, 1]) * side_px - 0.5], axis=1).astype(np.float64)
    _fill(at, flat.faces, face, weights)
    return Atlas(flat, uv, face, weights)


@njit(cache=True, nogil=True)
def _fill(at: Array, faces: Array, face: Array, weights: Array) -> None:  # pragma: no cover - compiled
    side = face.shape[0]
    for f in range(len(faces)):
        a, b, c = at[faces[f, 0]], at[faces[f, 1]], at[faces[f, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area == 0:
            continue
        left, right = int(np.floor(min(a[0], b[0], c[0]))), int(np.ceil(max(a[0], b[0], c[0])))
        top, bottom = int(np.floor(min(a[1], b[1], c[1]))), int(np.ceil(max(a[1], b[1], c[1])))
        for y in range(max(top, 0), min(bottom, side - 1) + 1):
            for x in range(max(left, 0), min(right, side - 1) + 1):
                at_b = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
                at_c = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
                at_a = 1 - at_b - at_c
                if min(at_a, at_b, at_c) < 0:
                    continue
                face[y, x] = f
                weights[y, x, 0], weights[y, x, 1], weights[y, x, 2] = at_a, at_b, at_c
