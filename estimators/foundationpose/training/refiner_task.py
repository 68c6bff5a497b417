"""Training the refiner."""

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import nn

from estimators.foundationpose.config import DEFAULT_CROP_RATIO, published_settings
from estimators.foundationpose.networks import RefineNet
from estimators.foundationpose.training.crops import Example, cropper, nearest_symmetric
from estimators.foundationpose.training.losses import refiner_loss, refiner_targets
from estimators.foundationpose.training.numbered import numbered_scene
from estimators.foundationpose.training.starts import refiner_starts
from estimators.training.task import Batch, Loss, moved
from schemas import Pose

if TYPE_CHECKING:
    from collections.abc import Mapping

CROP_RATIO = DEFAULT_CROP_RATIO
ROT_NORMALIZER_RAD = float(np.radians(20.0))


class RefinerTask:
    """``Task`` of FoundationPose's refiner: scenes, and poses in each that it has to move to the true one.

    Args:
        scenes: Of a batch.
        poses: Of each scene.
    """

    name = "refiner"
    learning_rate = 1e-4
    warm_up_steps = 500

    def __init__(self, scenes: int = 8, poses: int = 8) -> None:
        self.scenes, self._poses = scenes, poses
        self.settings: Mapping[str, Any] = {"scenes": scenes, "poses": poses}
        self.published: Mapping[str, Any] = published_settings(
            CROP_RATIO, rot_rep="axis_angle", rot_normalizer=ROT_NORMALIZER_RAD
        )

    def network(self) -> nn.Module:
        """See ``Task``."""
        return RefineNet()

    def batch(self, first_seed: int) -> Batch:
        """``examples``, one a scene; ``starts`` (scenes, poses, 4, 4); ``trans``, ``rot`` as ``refiner_targets``."""
        parts = [self._examples(seed) for seed in range(first_seed, first_seed + self.scenes)]
        examples = [part.pop("examples") for part in parts]
        return {"examples": examples} | {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def placed(self, batch: Batch, device: torch.device) -> Batch:
        """``rendered`` and ``observed`` (N, 6, 160, 160) in place of examples and starts."""
        wanted = moved({name: batch[name] for name in ("trans", "rot")}, device)
        starts = batch["starts"].numpy()
        rendered, observed = cropper(device).refine(batch["examples"], starts, CROP_RATIO)
        return {"rendered": rendered, "observed": observed} | wanted

    def loss(self, network: nn.Module, batch: Batch) -> Loss:
        """Figures: ``shift`` and ``turn_deg``, mean errors that are left, in diameters and degrees about each axis."""
        trans, rot = cast("tuple[torch.Tensor, torch.Tensor]", network(batch["rendered"], batch["observed"]))
        total = refiner_loss(trans, rot, batch["trans"], batch["rot"])
        shift = (trans.detach() - batch["trans"]).norm(dim=1).mean() / 2
        turn = (torch.tanh(rot.detach()) - batch["rot"]).norm(dim=1).mean() * float(np.degrees(ROT_NORMALIZER_RAD))
        return Loss(total, {"shift": shift, "turn_deg": turn}, len(trans))

    def _examples(self, seed: int) -> Batch:
        generator = np.random.default_rng([seed, 1])  # of its own: what the scene draws from is not touched
        example = Example.of(numbered_scene(seed))
        diameter_m = example.surface.diameter_m
        poses = refiner_starts(Pose.from_matrix(example.cam_from_obj), diameter_m, generator, self._poses)
        starts = np.stack([pose.matrix() for pose in poses])
        true = nearest_symmetric(example.cam_from_obj, example.symmetries, starts)
        diameters_m = torch.full((len(starts),), diameter_m)
        wanted = refiner_targets(torch.tensor(starts), torch.tensor(true), diameters_m, ROT_NORMALIZER_RAD)
        return {"examples": example, "starts": torch.tensor(starts[None]), "trans": wanted[0], "rot": wanted[1]}
