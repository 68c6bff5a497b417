"""How a device looks at poses: what brings frames there, makes batches, and follows objects."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from estimators.foundationpose.batch import Batch, TorchBatch
from estimators.foundationpose.device import Device
from estimators.foundationpose.inputs import Group
from estimators.foundationpose.rendering import CropRenderer
from estimators.foundationpose.scene import Scene, scenes_on_cpu
from estimators.foundationpose.steps import Steps
from schemas import Frame


class Looks(Protocol):
    """One way of looking.

    Attributes:
        renderer: What draws.
    """

    renderer: CropRenderer

    def scenes(self, frames: Sequence[Frame]) -> list[Scene]:
        """See ``Engine.scenes``."""
        ...

    def batch(self, groups: Sequence[Group]) -> Batch:
        """The poses of these groups, ready to be looked at."""
        ...

    def followed(self, groups: Sequence[Group], cam_from_obj: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
        """Of poses (N, 4, 4) on the CPU, refined ones and agreements (N,), on the device."""
        ...

    def free(self) -> None:
        """Give memory back that is kept for later."""
        ...


class TorchLooks:
    """``Looks`` with any renderer.

    Args:
        device: Where.
        steps: Of the networks.
        renderer: What draws.
    """

    def __init__(self, device: Device, steps: Steps, renderer: CropRenderer) -> None:
        self.renderer, self._device, self._steps = renderer, device, steps

    def scenes(self, frames: Sequence[Frame]) -> list[Scene]:
        """See ``Looks``."""
        return scenes_on_cpu(frames)

    def batch(self, groups: Sequence[Group]) -> Batch:
        """See ``Looks``."""
        return TorchBatch(groups, self.renderer, self._steps.ratios, self._device.dtype)

    def followed(self, groups: Sequence[Group], cam_from_obj: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
        """See ``Looks``."""
        batch = self.batch(groups)
        refined = self._steps.refined(batch, cam_from_obj.to(self._device.place), iterations)
        return refined, self._steps.agreement(batch, refined)

    def free(self) -> None:
        """See ``Looks``."""
        if self._device.place.type == "cuda":
            torch.cuda.empty_cache()
