"""Training the small network: to rank poses as the scorer does, and to move those that are near as the refiner does."""

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from estimators.foundationpose.symmetry import nearest_equal
from estimators.foundationpose.training.losses import refiner_loss, refiner_targets, scorer_loss, share_right
from estimators.foundationpose.training.numbered import numbered_scene
from estimators.foundationpose.training.scene import Scene
from estimators.foundationpose.training.starts import errors, refiner_starts, some_points
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.lite.hypotheses import hypotheses
from estimators.lite.network import ROT_NORMALIZER_RAD, LiteNet
from estimators.lite.pictures import pictures
from estimators.rendering import CpuRenderer
from estimators.training.task import Batch, Loss, moved
from schemas import BadJob, Camera, Frame, Pose

if TYPE_CHECKING:
    from collections.abc import Mapping

_REACH = 0.95  # of what tanh can say, about each axis: poses farther off are only ranked
_LEAST_POSES = 6
_STARTS = 0.5  # of the poses, such as the refiner starts from


class LiteTask:
    """``Task`` of ``LiteNet``.

    Args:
        scenes: Of a batch.
        poses: Of each scene.

    Raises:
        BadJob: Fewer than 6 poses: there would be nothing to rank.
    """

    name = "lite"
    learning_rate = 1e-3
    warm_up_steps = 50

    def __init__(self, scenes: int = 8, poses: int = 16) -> None:
        if poses < _LEAST_POSES:
            msg = f"training of lite: expected {_LEAST_POSES} or more poses of a scene, got {poses}"
            raise BadJob(msg)
        self.scenes, self._poses = scenes, poses
        self.settings: Mapping[str, Any] = {"scenes": scenes, "poses": poses}
        self.published: Mapping[str, Any] = {}

    def network(self) -> nn.Module:
        """See ``Task``."""
        return LiteNet()

    def batch(self, first_seed: int) -> Batch:
        """``pictures`` (N, 14, 64, 64); ``distance_m``, ``angle_rad`` (scenes, poses); ``trans``, ``rot`` (N, 3)."""
        parts = [
            _examples(numbered_scene(seed), seed, self._poses) for seed in range(first_seed, first_seed + self.scenes)
        ]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def placed(self, batch: Batch, device: torch.device) -> Batch:
        """See ``Task``."""
        return moved(batch, device)

    def loss(self, network: nn.Module, batch: Batch) -> Loss:
        """Figures: ``right``, see ``share_right``; ``shift`` and ``turn_deg`` as of the refiner, of poses in reach."""
        seen = batch["pictures"].contiguous(memory_format=torch.channels_last)
        logits, trans, rot = cast("tuple[Tensor, Tensor, Tensor]", network(seen))
        distance_m, angle_rad = batch["distance_m"], batch["angle_rad"]
        grouped = logits.unflatten(0, distance_m.shape)
        near = (batch["rot"].abs() < _REACH).all(dim=1)
        wanted = (batch["trans"][near], batch["rot"][near])
        total = scorer_loss(grouped, distance_m, angle_rad)
        if near.any():
            total = total + refiner_loss(trans[near], rot[near], *wanted)
        shift = (trans.detach()[near] - wanted[0]).norm(dim=1).mean() / 2
        turn = (torch.tanh(rot.detach()[near]) - wanted[1]).norm(dim=1).mean() * float(np.degrees(ROT_NORMALIZER_RAD))
        right = share_right(grouped.detach(), distance_m, angle_rad)
        return Loss(total, {"right": right, "shift": shift, "turn_deg": turn}, len(logits))


def _examples(scene: Scene, seed: int, count: int) -> Batch:
    generator = np.random.default_rng([seed, 3])
    mesh, symmetries = scene.mesh, scene.symmetries
    center_m = mesh.center_m
    truth = Pose.from_matrix(scene.cam_from_obj) @ Pose(np.eye(3), center_m)
    starts = int(_STARTS * count)
    poses = hypotheses(truth, mesh, symmetries, generator, count - starts)
    poses += refiner_starts(truth, mesh.diameter_m, generator, starts)
    points_m = some_points(mesh.vertices_m) - center_m
    distances_m, angles_rad = errors(poses, truth, symmetries, points_m)
    placements = [Placement(pose.rotation.copy(), pose.translation_m.copy()) for pose in poses]
    true = [nearest_equal(truth, symmetries, pose) for pose in poses]
    diameters_m = torch.full((count,), mesh.diameter_m)
    trans, rot = refiner_targets(_matrices(poses), _matrices(true), diameters_m, ROT_NORMALIZER_RAD)
    return {
        "pictures": torch.from_numpy(pictures(mesh, placements, _images(scene), CpuRenderer())),
        "distance_m": torch.tensor(distances_m[None], dtype=torch.float32),
        "angle_rad": torch.tensor(angles_rad[None], dtype=torch.float32),
        "trans": trans,
        "rot": rot,
    }


def _images(scene: Scene) -> FrameImages:
    height, width = scene.depth_m.shape
    K = scene.camera_matrix
    camera = Camera(width, height, float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2]))
    return FrameImages(Frame("made", "made", 0, 0, camera, scene.rgb, scene.depth_m))


def _matrices(poses: list[Pose]) -> Tensor:
    return torch.tensor(np.stack([pose.matrix() for pose in poses]))
