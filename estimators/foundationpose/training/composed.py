"""An arrangement drawn into one picture without light."""

from dataclasses import dataclass

import cv2
import numpy as np

from estimators.foundationpose.training.backdrop import Backdrop
from estimators.foundationpose.training.layout import Layout, Placed
from estimators.rendering import CpuRenderer
from schemas.arrays import Array

LEAST_VISIBLE = 0.3
"""Of the object's outline; where less would be seen, nothing is put before it."""
_DULL = (0.05, 12.0)  # strength and exponent of the backdrop's highlights


@dataclass(frozen=True, slots=True, eq=False)
class Composed:
    """Things drawn, each pixel with what is nearest.

    Attributes:
        placed: What was drawn, the object first.
        albedo: (H, W, 3) uint8.
        depth_m: (H, W) float32, 0 where nothing is.
        normal: (H, W, 3) float32 in the camera's frame.
        index: (H, W) int16 into ``placed``, -1 where nothing is.
        silhouette: (H, W) bool of the object alone.
    """

    placed: tuple[Placed, ...]
    albedo: Array
    depth_m: Array
    normal: Array
    index: Array
    silhouette: Array

    @property
    def visible(self) -> Array:
        """(H, W) bool, where the object is seen."""
        return self.index == 0

    def balls(self) -> Array:
        """(N, 4) centres and radii of balls about what was drawn, the object's first, metres."""
        return np.stack([[*one.cam_from_obj[:3, 3], one.thing.mesh.diameter_m * np.sqrt(3) / 2] for one in self.placed])

    def before(self, back: Backdrop) -> tuple[Array, Array, Array, Array]:
        """Albedo, depth, normal and (H, W, 2) float32 strength and exponent of highlights, with a backdrop."""
        hidden = (back.depth_m > 0) & (back.depth_m < self.depth_m)
        own = (self.index >= 0) & ~hidden
        table = np.array([_DULL, *((one.thing.gloss, one.thing.sharpness) for one in self.placed)], np.float32)
        albedo, depth_m, normal = back.albedo.copy(), back.depth_m.copy(), back.normal.copy()
        np.copyto(depth_m, self.depth_m, where=own)
        for values, front in ((albedo, self.albedo), (normal, self.normal)):
            cv2.copyTo(front, own.astype(np.uint8), values)
        return albedo, depth_m, normal, np.take(table, np.where(own, self.index + 1, 0), axis=0)


def compose(layout: Layout, size_px: tuple[int, int], renderer: CpuRenderer) -> Composed:
    """Draw an arrangement; what would hide the object too much is left out.

    Args:
        layout: What is where.
        size_px: Height and width.
        renderer: What draws.
    """
    one, K = layout.target, layout.camera_matrix
    silhouette = renderer.render(one.thing.mesh, one.cam_from_obj[None], K, size_px).depth_m[0] > 0
    for others in (layout.behind + layout.before, layout.behind, ()):
        placed = (one, *others)
        scene = renderer.scene([p.thing.mesh for p in placed], [p.cam_from_obj for p in placed], K, size_px)
        if (scene.index == 0).sum() >= LEAST_VISIBLE * silhouette.sum():
            break
    return Composed(placed, scene.rgb, scene.depth_m, scene.normal, scene.index, silhouette)
