"""A task that is learned in a second: the slope of a line, with dropout so that the generator's state matters."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from estimators.training.task import Batch, Loss, moved, training_seed


class LineTask:
    name = "line"
    settings: Mapping[str, Any] = {"scenes": 4}
    published: Mapping[str, Any] = {}
    scenes = 4
    learning_rate = 1e-2
    warm_up_steps = 3

    def __init__(self, scenes: int = 4) -> None:
        assert scenes == 4

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(3, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1))

    def batch(self, first_seed: int) -> Batch:
        seeds = range(first_seed, first_seed + self.scenes)
        x = torch.cat([torch.randn(8, 3, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
        return {"x": x, "y": x @ torch.tensor([[1.0], [-2.0], [0.5]])}

    def placed(self, batch: Batch, device: torch.device) -> Batch:
        return moved(batch, device)

    def loss(self, network: nn.Module, batch: Batch) -> Loss:
        off = network(batch["x"]) - batch["y"]
        return Loss(off.square().mean(), {"off": off.detach().abs().mean()}, len(off))


class BrokenTask(LineTask):
    """Its loss is no number."""

    name = "broken"

    def loss(self, network: nn.Module, batch: Batch) -> Loss:
        good = super().loss(network, batch)
        return Loss(good.total * float("nan"), good.figures, good.pairs)


class EndingTask(LineTask):
    """Its seventh batch of training cannot be made."""

    name = "ending"

    def batch(self, first_seed: int) -> Batch:
        if first_seed == training_seed(self, 5, 6):
            msg = "no more"
            raise OSError(msg)
        return super().batch(first_seed)
