"""Crops of made scenes as the networks take them, many at once, by the code that makes those of real frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from estimators.foundationpose.depth import filtered
from estimators.foundationpose.inputs import Group, refine_inputs, score_inputs
from estimators.foundationpose.rendering import make_renderer
from estimators.foundationpose.scene import Scene as SeenScene
from estimators.foundationpose.surface import Surface
from estimators.foundationpose.training.scene import Scene, make_scene
from estimators.mesh import Mesh
from schemas.arrays import Array


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A scene made ready for crops, small enough to be handed between processes.

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


def make_example(seed: int) -> Example:
    """The example of ``make_scene(seed)``."""
    return Example.of(make_scene(seed))


class Cropper:
    """Makes the networks' pictures on their device.

    Args:
        device: Of the networks; scenes go there as they are, and are cropped and drawn there.
        renderer: See ``make_renderer``.

    Raises:
        BadJob: See ``make_renderer``.
    """

    def __init__(self, device: torch.device, renderer: str = "auto") -> None:
        self._renderer = make_renderer(device, renderer)
        self._device = device

    def refine(self, examples: Sequence[Example], starts: Array, crop_ratio: float) -> tuple[Tensor, Tensor]:
        """Rendered and observed as ``RefineNet`` takes them.

        Args:
            examples: E scenes.
            starts: (E, N, 4, 4) cam_from_obj, N poses in each scene.
            crop_ratio: Of the network's config.

        Returns:
            Two (E * N, 6, 160, 160) float32, on the device, scene after scene.

        Raises:
            ValueError: Starts of another shape.
        """
        return refine_inputs(*self._groups(examples, starts), self._renderer, crop_ratio)

    def score(self, examples: Sequence[Example], starts: Array, crop_ratio: float) -> tuple[Tensor, Tensor]:
        """The same as ``ScoreNet`` takes them."""
        return score_inputs(*self._groups(examples, starts), self._renderer, crop_ratio)

    def _groups(self, examples: Sequence[Example], starts: Array) -> tuple[list[Group], Tensor]:
        if starts.ndim != 4 or starts.shape[0] != len(examples) or starts.shape[2:] != (4, 4):
            msg = f"starts: expected shape ({len(examples)}, any, 4, 4), got {starts.shape}"
            raise ValueError(msg)
        poses = torch.tensor(starts.reshape(-1, 4, 4), dtype=torch.float32, device=self._device)
        groups: list[Group] = []
        for example in examples:
            scene = SeenScene.of(example.rgb, example.depth_m, example.camera_matrix, self._device)
            mesh = self._renderer.upload(example.surface)
            groups.append(Group(scene, mesh, example.surface.diameter_m, starts.shape[1]))
        return groups, poses


@lru_cache(4)
def cropper(device: torch.device) -> Cropper:
    """One for all batches of a process."""
    return Cropper(device)


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
