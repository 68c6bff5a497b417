"""Everything that a run goes on from: numbers of the network, of the optimiser, and of every generator."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from estimators.training.task import Task

_KEPT_SHARE = 0.998  # of the mean in a step: it is over about the last 500, and at first over a tenth of all
_WEIGHT_DECAY = 0.0  # as the published runs
_STEADY_STEPS = 10_000
_LARGEST_GRADIENT = 5.0


class Learner:
    """A network while it learns.

    AdamW; the rate rises over the task's first steps, and falls with the square root of the step after
    ``_STEADY_STEPS``, so that no run needs to know how long it will be. What is validated and released is the running
    mean of the network's numbers, which stands in for the decay at the end of a planned schedule.

    Attributes:
        task: What is learned.
        network: In training mode.
        step: Steps taken.
        cooling: The rate is multiplied by this.

    Args:
        task: See above.
        device: Where it learns.
        seed: Of the network's first numbers and of dropout.
    """

    def __init__(self, task: Task, device: torch.device, seed: int) -> None:
        torch.manual_seed(seed)
        self.task, self._device = task, device
        on_cuda = device.type == "cuda"
        self.network = task.network().to(device).train()
        if on_cuda:
            torch.backends.cudnn.benchmark = True  # batches are of one size: it pays to try which algorithm is fastest
            self.network = self.network.to(memory_format=torch.channels_last)  # what its matrix units take as it is
        self._averaged = AveragedModel(self.network, multi_avg_fn=self._near, use_buffers=True).eval()
        self._optimiser = torch.optim.AdamW(
            self.network.parameters(), task.learning_rate, weight_decay=_WEIGHT_DECAY, fused=on_cuda
        )
        self.step, self.cooling = 0, 1.0

    @property
    def average(self) -> nn.Module:
        """The running mean, in eval mode."""
        return self._averaged.module

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        rising = min(1.0, (self.step + 1) / self.task.warm_up_steps)
        return self.cooling * self.task.learning_rate * rising * min(1.0, (_STEADY_STEPS / (self.step + 1)) ** 0.5)

    def descend(self, loss: Tensor) -> None:
        """Work out the gradient of a loss; nothing waits for the device."""
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()

    def learn(self) -> float:
        """One step down the loss that was given last.

        Returns:
            The length of the gradient before it was cut to ``_LARGEST_GRADIENT``; not finite where the loss was not,
            and then no step is taken.
        """
        for group in self._optimiser.param_groups:
            group["lr"] = self.rate
        length = float(nn.utils.clip_grad_norm_(self.network.parameters(), _LARGEST_GRADIENT))
        if math.isfinite(length):
            self._optimiser.step()
            self._averaged.update_parameters(self.network)
        self.step += 1
        return length

    def begin_with(self, numbers: Mapping[str, Tensor]) -> None:
        """Put numbers, named as in the network's state, in place of those that were drawn; it may be a part of them.

        Raises:
            ValueError: A name that the network does not have.
        """
        known = self.network.state_dict()
        if unknown := sorted(set(numbers) - set(known)):
            msg = f"numbers to begin with: expected names such as {next(iter(known))}, got {unknown}"
            raise ValueError(msg)
        for network in (self.network, self.average):
            network.load_state_dict(dict(numbers), strict=False)

    def state(self) -> dict[str, Any]:
        """All of it, on whatever device it is."""
        return {
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self._averaged.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "generator": torch.get_rng_state(),
            "cuda_generator": torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else None,
        }

    def go_on_from(self, state: dict[str, Any]) -> None:
        """Take over what ``state`` gave; on another kind of device only dropout will differ."""
        self.network.load_state_dict(state["network"])
        self._averaged.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])
        torch.set_rng_state(state["generator"])
        if self._device.type == "cuda" and state["cuda_generator"] is not None:
            torch.cuda.set_rng_state(state["cuda_generator"], self._device)

    @torch.no_grad()
    def _near(self, means: Any, numbers: Any, _updates: object) -> None:  # noqa: ANN401 - lists of tensors of one type
        """Take means nearer to the newest numbers, by as much as these are to count; counts are taken over."""
        kept = min(_KEPT_SHARE, (1 + self.step) / (10 + self.step))  # the step, since to read a count waits for it
        if means[0].is_floating_point():
            get_ema_multi_avg_fn(kept)(means, numbers, self.step)
        else:
            for mean, number in zip(means, numbers, strict=True):
                mean.copy_(number)
