"""Training the refiner."""

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import nn

from estimators.foundationpose.config import DEFAULT_CROP_RATIO, published_settings
from estimators.foundationpose.networks import RefineNet
from estimators.foundationpose.training.crops import cropper
from estimators.foundationpose.training.example import Example, nearest_symmetric
from estimators.foundationpose.training.losses import refiner_loss, refiner_targets
from estimators.foundationpose.training.numbered import numbered_scene
from estimators.foundationpose.training.shipment import shipped
from estimators.foundationpose.training.starts import refiner_starts
from estimators.training.task import FIRST_TRAINING_SEED, Batch, Loss, moved
from schemas import Pose

if TYPE_CHECKING:
    from collections.abc import Mapping

CROP_RATIO = DEFAULT_CROP_RATIO
ROT_NORMALIZER_RAD = float(np.radians(20.0))
_DRAWN = 0.5  # of the poses of a scene, those for which the object is drawn over it


class RefinerTask:
    """``Task`` of FoundationPose's refiner: scenes, and poses in each that it has to move to the true one.

    Args:
        scenes: Of a batch.
        poses: Of each scene.
    """

    name = "refiner"
    learning_rate = 3e-4
    warm_up_steps = 300

    def __init__(self, scenes: int = 6, poses: int = 20) -> None:
        self.scenes, self._poses = scenes, poses
        self.settings: Mapping[str, Any] = {"scenes": scenes, "poses": poses}
        self.published: Mapping[str, Any] = published_settings(
            CROP_RATIO, rot_rep="axis_angle", rot_normalizer=ROT_NORMALIZER_RAD
        )

    def network(self) -> nn.Module:
        """See ``Task``."""
        return RefineNet()

    def batch(self, first_seed: int) -> Batch:
        """What ``placed`` makes pictures of, and ``trans``, ``rot`` as ``refiner_targets``.

        ``shipment`` of the scenes; ``starts`` (scenes, poses, 4, 4); ``drawn`` (scenes, D, 4, 4), where the object is
        drawn over the scene for the last D of them; ``seed`` (scenes,).
        """
        return shipped([self._scene(seed) for seed in range(first_seed, first_seed + self.scenes)])

    def placed(self, batch: Batch, device: torch.device) -> Batch:
        """``rendered`` and ``observed`` (N, 6, 160, 160) in place of shipment, poses and seed."""
        wanted = moved({name: batch[name] for name in ("trans", "rot")}, device)
        starts, drawn, seed = batch["starts"].numpy(), batch["drawn"].numpy(), int(batch["seed"][0])
        made = cropper(device).refine_overdrawn(batch["shipment"], starts, drawn, CROP_RATIO, seed)
        return {"rendered": made[0], "observed": made[1]} | wanted

    def loss(self, network: nn.Module, batch: Batch) -> Loss:
        """Figures: ``shift`` and ``turn_deg``, mean errors that are left, in diameters and degrees about each axis."""
        trans, rot = cast("tuple[torch.Tensor, torch.Tensor]", network(batch["rendered"], batch["observed"]))
        total = refiner_loss(trans, rot, batch["trans"], batch["rot"])
        shift = (trans.detach() - batch["trans"]).norm(dim=1).mean() / 2
        turn = (torch.tanh(rot.detach()) - batch["rot"]).norm(dim=1).mean() * float(np.degrees(ROT_NORMALIZER_RAD))
        return Loss(total, {"shift": shift, "turn_deg": turn}, len(trans))

    def _scene(self, seed: int) -> Batch:
        generator = np.random.default_rng([seed, 1])  # of its own: what the scene draws from is not touched
        example = Example.of(numbered_scene(seed))
        diameter_m = example.surface.diameter_m
        count = int(_DRAWN * self._poses) if seed >= FIRST_TRAINING_SEED else 0  # validated on scenes alone
        truths = np.stack(
            [example.cam_from_obj] * (self._poses - count) + [example.elsewhere(generator) for _ in range(count)]
        )
        starts = np.stack(
            [refiner_starts(Pose.from_matrix(one), diameter_m, generator, 1)[0].matrix() for one in truths]
        )
        pairs = zip(truths, starts[:, None], strict=True)
        true = np.concatenate([nearest_symmetric(truth, example.symmetries, start) for truth, start in pairs])
        diameters_m = torch.full((len(starts),), diameter_m)
        wanted = refiner_targets(torch.tensor(starts), torch.tensor(true), diameters_m, ROT_NORMALIZER_RAD)
        named = {"starts": torch.tensor(starts[None]), "drawn": torch.tensor(truths[None, len(truths) - count :])}
        return {"example": example, "trans": wanted[0], "rot": wanted[1], "seed": torch.tensor([seed])} | named
