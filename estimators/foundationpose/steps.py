"""What the networks do with a batch of poses: one step after another, on whatever device."""

import torch
from torch import Tensor

from estimators.foundationpose.batch import Batch
from estimators.foundationpose.device import Device
from estimators.foundationpose.fused import FusedRefiner, FusedScorer
from estimators.foundationpose.pose_update import decode
from estimators.foundationpose.weights import Weights

_NEAREST_M = 0.02
_ASIDE_M = 1.0  # where a pose that cannot be looked at is put meanwhile


class Steps:
    """Both networks, ready to run.

    Attributes:
        calls: How often the refiner was asked.
        ratios: Crop ratios of refiner and scorer.
        dtype: Of the networks.

    Args:
        weights: They are changed and belong to the steps afterwards.
        device: Where and how exactly they compute.
    """

    def __init__(self, weights: Weights, device: Device) -> None:
        self._refiner = FusedRefiner(weights.refiner, device.place, device.dtype)
        self._scorer = FusedScorer(weights.scorer, device.place, device.dtype)
        self._rot_normalizer_rad = weights.refiner_config.rot_normalizer_rad
        self.ratios = (weights.refiner_config.crop_ratio, weights.scorer_config.crop_ratio)
        self.dtype = device.dtype
        self._aside = torch.eye(4, device=device.place)
        self._aside[2, 3] = _ASIDE_M
        self.calls = 0

    def refined(self, batch: Batch, cam_from_obj: Tensor, iterations: int) -> Tensor:
        """Poses (N, 4, 4) after so many steps; see ``Engine.refine``."""
        poses = cam_from_obj
        usable = _usable(poses)  # and so it stays: a step that would lead elsewhere is not taken
        for _ in range(iterations):
            safe = self._placed(poses, usable)
            self.calls += 1
            trans, rot = self._refiner(batch.refine_input(safe))
            moved = decode(safe, trans, rot, batch.diameters_m, self._rot_normalizer_rad)
            poses = torch.where((usable & _usable(moved))[:, None, None], moved, poses)
        return poses

    def features(self, batch: Batch, cam_from_obj: Tensor) -> Tensor:
        """(N, 512), what the scorer sees of each pose."""
        return self._scorer.features(batch.score_input(self._placed(cam_from_obj, _usable(cam_from_obj))))

    def rank(self, features: Tensor) -> Tensor:
        """See ``ScoreNet.rank``."""
        return self._scorer.rank(features)

    def agreement(self, batch: Batch, cam_from_obj: Tensor) -> Tensor:
        """(N,) agreement of depth with poses; 0 for those that cannot be looked at."""
        usable = _usable(cam_from_obj)
        return batch.agreement(self._placed(cam_from_obj, usable)) * usable

    def _placed(self, poses: Tensor, usable: Tensor) -> Tensor:
        """The poses, those that cannot be looked at put somewhere harmless."""
        return torch.where(usable[:, None, None], poses, self._aside)


def _usable(poses: Tensor) -> Tensor:
    """(N,) bool, which poses can be looked at."""
    return poses.isfinite().all(dim=2).all(dim=1) & (poses[:, 2, 3] > _NEAREST_M)
