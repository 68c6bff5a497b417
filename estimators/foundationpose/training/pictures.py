"""A made scene as the networks see it, by the same code as in use."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from estimators.foundationpose.depth import filtered
from estimators.foundationpose.inputs import Group, refine_inputs, score_inputs
from estimators.foundationpose.model import shifted
from estimators.foundationpose.rendering.cpu import NumbaCropRenderer
from estimators.foundationpose.scene import Scene
from estimators.foundationpose.surface import Surface
from estimators.foundationpose.training.scene import Scene as MadeScene
from schemas import Pose
from schemas.arrays import Array

_POINTS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """The object of a made scene, about its centre.

    Attributes:
        made: The scene.
        truth: cam_from_centred.
        symmetries: (S, 4, 4) float64 obj_from_obj about the centre, the identity first.
        surface: The mesh about its centre.
    """

    made: MadeScene
    truth: Pose
    symmetries: Array
    surface: Surface

    @staticmethod
    def of(made: MadeScene) -> "Subject":
        """The object of a scene."""
        surface = Surface.of(made.mesh)
        truth = shifted(Pose.from_matrix(made.cam_from_obj), surface.center_m)
        return Subject(made, truth, made.symmetries, surface)

    @property
    def points_m(self) -> Array:
        """(P, 3) float64, some vertices."""
        vertices = self.surface.vertices_m
        return vertices[:: max(1, len(vertices) // _POINTS)].astype(np.float64)

    def refine_pictures(self, poses: list[Pose], crop_ratio: float) -> tuple[Tensor, Tensor]:
        """Rendered and observed as the refiner takes them, (N, 6, 160, 160) float32 each."""
        return refine_inputs([self._group(len(poses))], matrices(poses), _renderer(), crop_ratio)

    def score_pictures(self, poses: list[Pose], crop_ratio: float) -> tuple[Tensor, Tensor]:
        """Rendered and observed as the scorer takes them."""
        return score_inputs([self._group(len(poses))], matrices(poses), _renderer(), crop_ratio)

    def _group(self, count: int) -> Group:
        made = self.made
        scene = Scene.of(made.rgb, filtered(made.depth_m), made.camera_matrix, torch.device("cpu"))
        return Group(scene, _renderer().upload(self.surface), self.surface.diameter_m, count)


def matrices(poses: list[Pose]) -> Tensor:
    """(N, 4, 4) float32."""
    return torch.tensor(np.stack([pose.matrix() for pose in poses]), dtype=torch.float32)


def _renderer() -> NumbaCropRenderer:
    return NumbaCropRenderer()
