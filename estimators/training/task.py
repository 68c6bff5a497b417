"""What is trained: a network, its batches and its loss."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

Batch = dict[str, Any]
"""Tensors by name; what a task needs to make pictures of, too, until it is placed."""
FIRST_TRAINING_SEED = 1_000_000
"""Scenes below are for validation: no run ever trains on them."""


@dataclass(frozen=True, slots=True, eq=False)
class Loss:
    """What a batch costs.

    Attributes:
        total: () float32, what is minimised.
        figures: Parts and measures of it for the log, () each, without gradients.
        pairs: Poses in the batch.
    """

    total: Tensor
    figures: Mapping[str, Tensor]
    pairs: int


class Task(Protocol):
    """A network with its data. It must survive pickling: batches are made in other processes.

    Attributes:
        name: As the command knows it.
        settings: All that a batch or the network depends on; ``tasks.make`` makes an equal task of it.
        published: What the ``config.yml`` beside its checkpoint says; empty where it needs none.
        scenes: Of a batch.
        learning_rate: Of AdamW, at its highest.
        warm_up_steps: Over which it rises to that.
    """

    name: str
    settings: Mapping[str, Any]
    published: Mapping[str, Any]
    scenes: int
    learning_rate: float
    warm_up_steps: int

    def network(self) -> nn.Module:
        """A new network, its numbers drawn from torch's global generator."""
        ...

    def batch(self, first_seed: int) -> Batch:
        """What the scenes ``first_seed`` to ``first_seed + scenes - 1`` give, on the CPU.

        A pure function of its argument: the same bytes whenever and wherever it is called.
        """
        ...

    def placed(self, batch: Batch, device: torch.device) -> Batch:
        """The batch where the network is: tensors are brought there, pictures that were not made yet are made there."""
        ...

    def loss(self, network: nn.Module, batch: Batch) -> Loss:
        """The loss of a placed batch."""
        ...


def moved(batch: Batch, device: torch.device) -> Batch:
    """A batch of tensors on a device."""
    return {name: part.to(device, non_blocking=True) for name, part in batch.items()}


def training_seed(task: Task, run_seed: int, step: int) -> int:
    """The first scene of a step's batch; runs of other seeds see other scenes."""
    return FIRST_TRAINING_SEED + (run_seed << 40) + step * task.scenes


def validation_seed(task: Task, index: int) -> int:
    """The first scene of a batch of the validation set.

    Raises:
        ValueError: The set would reach into what is trained on.
    """
    first = index * task.scenes
    if first + task.scenes > FIRST_TRAINING_SEED:
        msg = f"validation batch {index}: expected scenes below {FIRST_TRAINING_SEED}, got up to {first + task.scenes}"
        raise ValueError(msg)
    return first
