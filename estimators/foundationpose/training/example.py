"""A made scene as the networks learn from it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from estimators.foundationpose.depth import filtered
from estimators.foundationpose.surface import Surface
from estimators.foundationpose.training.layout import random_turn
from estimators.foundationpose.training.scene import Scene, make_scene
from estimators.mesh import Mesh
from schemas.arrays import Array


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A scene made ready for crops.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth_m: (H, W) float32, filtered as that of frames is.
        camera_matrix: (3, 3) float64.
        surface: The object's.
        cam_from_obj: (4, 4) float64, of the object about its centre.
        symmetries: (S, 4, 4) float64 about the centre, the identity first.
    """

    rgb: Array
    depth_m: Array
    camera_matrix: Array
    surface: Surface
    cam_from_obj: Array
    symmetries: Array

    @staticmethod
    def of(scene: Scene) -> "Example":
        """The example that a scene gives."""
        surface, cam_from_obj = _surface(scene.mesh), scene.cam_from_obj.copy()
        cam_from_obj[:3, 3] += cam_from_obj[:3, :3] @ surface.center_m
        depth_m = filtered(scene.depth_m)
        return Example(scene.rgb, depth_m, scene.camera_matrix, surface, cam_from_obj, scene.symmetries)

    def elsewhere(self, generator: np.random.Generator) -> Array:
        """(4, 4) another pose of the object in the picture: turned anyhow, near the distance at which it is."""
        height, width = self.depth_m.shape
        pixel = np.array([*(generator.uniform(0.18, 0.82, 2) * (width, height)), 1.0])
        out = np.eye(4)
        out[:3, :3] = random_turn(generator)
        out[:3, 3] = np.linalg.inv(self.camera_matrix) @ pixel * self.cam_from_obj[2, 3] * generator.uniform(0.8, 1.3)
        return out


def make_example(seed: int) -> Example:
    """The example of ``make_scene(seed)``."""
    return Example.of(make_scene(seed))


def nearest_symmetric(cam_from_obj: Array, symmetries: Array, starts: Array) -> Array:
    """(N, 4, 4) float64: for each start, of the poses that look the same as the true one, the nearest by rotation.

    Args:
        cam_from_obj: (4, 4) true pose of the object about its centre.
        symmetries: (S, 4, 4), the identity first.
        starts: (N, 4, 4).
    """
    equal = cam_from_obj @ symmetries
    agreement = np.einsum("sij,nij->ns", equal[:, :3, :3], starts[:, :3, :3])  # grows as the angle between them falls
    return equal[agreement.argmax(axis=1)]


@lru_cache(32)
def _surface(mesh: Mesh) -> Surface:
    """The neighbouring scenes' meshes are one and the same."""
    return Surface.of(mesh)
