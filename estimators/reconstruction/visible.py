"""Which photo sees which part of a surface, and how well."""

import numpy as np

from estimators.mesh import Mesh
from estimators.reconstruction.clean import Surface
from estimators.reconstruction.view import View
from estimators.rendering import CpuRenderer
from schemas.arrays import Array

_BEHIND = 0.01  # of the object's size: nearer to the drawn surface than that is on it
_MOST_FACES = 10_000


class Sights:
    """The depth that each photo would have of a surface, drawn once.

    Attributes:
        views: The photos.
    """

    def __init__(self, surface: Surface, views: list[View]) -> None:
        self.views = views
        mesh = Mesh.build(surface.points_m, surface.faces)
        renderer = CpuRenderer()
        self._depth_m = [
            renderer.render(mesh, view.cam_from_obj[None].astype(np.float32), view.K, view.size_px).depth_m[0]
            for view in views
        ]
        self._near_m = _BEHIND * mesh.diameter_m

    def depth_m(self, k: int) -> Array:
        """(H, W) float32 of the surface in photo ``k``, 0 beside it."""
        return self._depth_m[k]

    def cosines(self, k: int, points_m: Array, normals: Array) -> tuple[Array, Array]:
        """How squarely photo ``k`` looks at points of the surface.

        Args:
            k: Which photo.
            points_m: (N, 3) on the surface.
            normals: (N, 3).

        Returns:
            (N,) cosines of the angle between normal and ray, 0 where the point is hidden or outside; (N, 2) pixels.
        """
        view = self.views[k]
        pixels, z = view.project(points_m)
        to_camera = view.position_m - points_m
        cosine = (to_camera * normals).sum(axis=1) / np.linalg.norm(to_camera, axis=1)
        height, width = view.size_px
        column, row = (np.clip(np.rint(pixels[:, i]), -1, top).astype(int) for i, top in ((0, width), (1, height)))
        inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
        drawn = self._depth_m[k][row.clip(0, height - 1), column.clip(0, width - 1)]
        shown = inside & (drawn > 0) & (z < drawn + self._near_m)
        return np.where(shown, np.clip(cosine, 0, 1), 0.0), pixels

    def best(self, points_m: Array, normals: Array) -> Array:
        """(N,) the largest cosine of all photos."""
        best = np.zeros(len(points_m))
        for k in range(len(self.views)):
            np.maximum(best, self.cosines(k, points_m, normals)[0], out=best)
        return best
