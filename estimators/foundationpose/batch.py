"""Poses of objects in frames, ready to be looked at by either network, whatever device makes the pictures."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from estimators.foundationpose.agreement import agreement_of
from estimators.foundationpose.fused import packed
from estimators.foundationpose.inputs import Group, refine_inputs, refine_pairs, score_inputs
from estimators.foundationpose.rendering import CropRenderer


class Batch(Protocol):
    """N poses, those of each group one after the other.

    Attributes:
        diameters_m: (N,) float64 on the device.
    """

    diameters_m: Tensor

    def refine_input(self, cam_from_obj: Tensor) -> Tensor:
        """What the refiner takes, (2 N, *``fused.PACKED``), at poses (N, 4, 4); valid until the next call."""
        ...

    def score_input(self, cam_from_obj: Tensor) -> Tensor:
        """What the scorer takes."""
        ...

    def agreement(self, cam_from_obj: Tensor) -> Tensor:
        """(N,) float32, see ``agreement.agreement_of``."""
        ...


class TorchBatch:
    """``Batch`` with any renderer, by torch's operations.

    Args:
        groups: The objects and frames.
        renderer: What draws.
        ratios: Crop ratios of refiner and scorer.
        dtype: Of the networks.
    """

    def __init__(
        self, groups: Sequence[Group], renderer: CropRenderer, ratios: tuple[float, float], dtype: torch.dtype
    ) -> None:
        self._groups, self._renderer, self._dtype = groups, renderer, dtype
        self._refine_ratio, self._score_ratio = ratios
        diameters = [group.diameter_m for group in groups for _ in range(group.count)]
        self.diameters_m = torch.tensor(diameters, dtype=torch.float64, device=renderer.device)

    def refine_input(self, cam_from_obj: Tensor) -> Tensor:
        """See ``Batch``."""
        return packed(*refine_inputs(self._groups, cam_from_obj, self._renderer, self._refine_ratio), self._dtype)

    def score_input(self, cam_from_obj: Tensor) -> Tensor:
        """See ``Batch``."""
        return packed(*score_inputs(self._groups, cam_from_obj, self._renderer, self._score_ratio), self._dtype)

    def agreement(self, cam_from_obj: Tensor) -> Tensor:
        """See ``Batch``."""
        pairs = refine_pairs(self._groups, cam_from_obj, self._renderer, self._refine_ratio)
        return agreement_of(pairs.rendered[:, 5], pairs.observed[:, 5])
