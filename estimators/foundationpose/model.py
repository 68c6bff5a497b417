"""An object made ready for FoundationPose."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from estimators.foundationpose.inputs import Group
from estimators.foundationpose.options import GEOMETRIC, Options
from estimators.foundationpose.rendering import CropRenderer
from estimators.foundationpose.scene import Scene
from estimators.foundationpose.surface import Surface
from estimators.foundationpose.symmetry import symmetry_transforms
from estimators.foundationpose.view_grid import start_rotations
from estimators.geometric.model import ObjectModel as GeometricModel
from estimators.geometric.model import make_model as make_geometric
from estimators.mesh import load_object
from estimators.rendering import CpuRenderer
from schemas import JobObject, Pose
from schemas.arrays import Array


@dataclass(frozen=True, slots=True, eq=False)
class ObjectModel:
    """A mesh and what is worked out from it once.

    Attributes:
        item: The object as the job names it.
        surface: Its mesh about its centre.
        mesh: The same on the device.
        symmetries: (S, 4, 4) float64, the identity first, about the centre.
        rotations: (M, 3, 3) float64 rotations of cam_from_obj to start a registration from.
        geometric: The same object for the geometric estimator, which finds candidates in a frame.
        options: Of its job.
    """

    item: JobObject
    surface: Surface
    mesh: Any
    symmetries: Array
    rotations: Array
    geometric: GeometricModel
    options: Options

    def group(self, scene: Scene, count: int = 1) -> Group:
        """So many poses of it in a frame."""
        return Group(scene, self.mesh, self.surface.diameter_m, count)

    def centred(self, cam_from_obj: Pose) -> Pose:
        """The pose of the mesh about its centre."""
        return shifted(cam_from_obj, self.surface.center_m)

    def uncentred(self, cam_from_centred: Pose) -> Pose:
        """The other way."""
        return shifted(cam_from_centred, -self.surface.center_m)


def make_model(item: JobObject, options: Options, renderer: CropRenderer, drawn: CpuRenderer) -> ObjectModel:
    """An object of a job, its mesh loaded and on the device.

    Args:
        item: The object.
        options: Of its job.
        renderer: Of the engine.
        drawn: For the geometric estimator's views.

    Raises:
        BadJob: The mesh cannot be used, see ``load_object``.
    """
    mesh = load_object(item)
    surface = Surface.of(mesh)
    symmetries = symmetry_transforms(item, surface.center_m)
    rotations = np.zeros((0, 3, 3)) if options.search == GEOMETRIC else start_rotations(symmetries)
    geometric = make_geometric(item, mesh, drawn)
    return ObjectModel(item, surface, renderer.upload(surface), symmetries, rotations, geometric, options)


def shifted(cam_from_obj: Pose, by_m: Array) -> Pose:
    """The pose of an object whose origin is moved, in its own axes."""
    return Pose(cam_from_obj.rotation, cam_from_obj.rotation @ by_m + cam_from_obj.translation_m)


def tensor_of(poses: list[Pose], device: torch.device) -> Tensor:
    """(N, 4, 4) float32 on a device."""
    matrices = np.stack([pose.matrix() for pose in poses]) if poses else np.zeros((0, 4, 4))
    return torch.tensor(matrices, dtype=torch.float32, device=device)


def poses_of(matrices: Tensor) -> list[Pose]:
    """The poses of (N, 4, 4) matrices, their rotations made orthonormal in float64."""
    return [Pose(rotation, place_m) for rotation, place_m in zip(*rigid(matrices), strict=True)]


def rigid(matrices: Tensor) -> tuple[Array, Array]:
    """(N, 3, 3) rotations, made orthonormal, and (N, 3) places of (N, 4, 4) matrices, float64."""
    given = matrices.cpu().double().numpy()
    u, _, vt = np.linalg.svd(given[:, :3, :3])
    return u @ vt, given[:, :3, 3]
