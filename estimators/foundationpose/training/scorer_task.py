"""Training the scorer."""

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import nn

from estimators.foundationpose.config import published_settings
from estimators.foundationpose.networks import ScoreNet
from estimators.foundationpose.training.crops import cropper
from estimators.foundationpose.training.example import Example
from estimators.foundationpose.training.losses import scorer_loss, share_right
from estimators.foundationpose.training.numbered import numbered_scene
from estimators.foundationpose.training.shipment import shipped
from estimators.foundationpose.training.starts import errors, scorer_hypotheses, some_points
from estimators.training.task import Batch, Loss, moved
from schemas import Pose

if TYPE_CHECKING:
    from collections.abc import Mapping

CROP_RATIO = 1.1
_TRUNK = {"encodeA.": "encoderA.", "encodeAB.": "encoderAB."}  # the refiner's names and the scorer's


class ScorerTask:
    """``Task`` of FoundationPose's scorer: scenes, and poses in each of which it has to find the best.

    Args:
        scenes: Of a batch.
        poses: Of each scene; five in Wen et al. 2024.
    """

    name = "scorer"
    learning_rate = 2e-4
    warm_up_steps = 300

    def __init__(self, scenes: int = 16, poses: int = 8) -> None:
        self.scenes, self._poses = scenes, poses
        self.settings: Mapping[str, Any] = {"scenes": scenes, "poses": poses}
        self.published: Mapping[str, Any] = published_settings(CROP_RATIO)

    def network(self) -> nn.Module:
        """See ``Task``."""
        return ScoreNet()

    def batch(self, first_seed: int) -> Batch:
        """``shipment`` of the scenes; ``starts`` (scenes, poses, 4, 4); ``distance_m``, ``angle_rad`` alike."""
        return shipped([self._scene(seed) for seed in range(first_seed, first_seed + self.scenes)])

    def placed(self, batch: Batch, device: torch.device) -> Batch:
        """``rendered`` and ``observed`` (N, 6, 160, 160) in place of shipment and starts."""
        known = moved({name: batch[name] for name in ("distance_m", "angle_rad")}, device)
        rendered, observed = cropper(device).score(batch["shipment"], batch["starts"].numpy(), CROP_RATIO)
        return {"rendered": rendered, "observed": observed} | known

    def loss(self, network: nn.Module, batch: Batch) -> Loss:
        """Figures: ``right``, see ``share_right``."""
        scorer, distance_m, angle_rad = cast("ScoreNet", network), batch["distance_m"], batch["angle_rad"]
        features = scorer.features(batch["rendered"], batch["observed"])
        logits = scorer.rank(features.unflatten(0, distance_m.shape))
        total = scorer_loss(logits, distance_m, angle_rad)
        return Loss(total, {"right": share_right(logits.detach(), distance_m, angle_rad)}, len(features))

    def _scene(self, seed: int) -> Batch:
        generator = np.random.default_rng([seed, 2])
        example = Example.of(numbered_scene(seed))
        surface, truth = example.surface, Pose.from_matrix(example.cam_from_obj)
        poses = scorer_hypotheses(truth, example.symmetries, surface.diameter_m, generator, self._poses)
        starts = np.stack([pose.matrix() for pose in poses])
        distances_m, angles_rad = errors(poses, truth, example.symmetries, some_points(surface.vertices_m))
        return {
            "example": example,
            "starts": torch.tensor(starts[None]),
            "distance_m": torch.tensor(distances_m[None], dtype=torch.float32),
            "angle_rad": torch.tensor(angles_rad[None], dtype=torch.float32),
        }


def trunk_of(refiner: "Mapping[str, torch.Tensor]") -> dict[str, torch.Tensor]:
    """The numbers of a refiner's picture encoders under the scorer's names: both networks' are alike.

    What a refiner has learned to see in pairs of pictures is most of what a scorer has to; it learns faster from there.
    """
    return {
        ours + name.removeprefix(theirs): numbers
        for name, numbers in refiner.items()
        for theirs, ours in _TRUNK.items()
        if name.startswith(theirs)
    }
