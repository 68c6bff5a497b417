"""A run of training: begun or gone on with, for some minutes."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from estimators.foundationpose.device import Device
from estimators.training import checkpoints
from estimators.training.checkpoints import Origin
from estimators.training.feed import batches
from estimators.training.log import Log
from estimators.training.state import Learner
from estimators.training.task import Batch, Loss, Task, validation_seed
from schemas import PosestreamError

SAVED_EVERY_S = 120.0
"""A machine that is taken away costs so much work at most."""
_MOST_BAD_STEPS = 20


class TrainingFailed(PosestreamError):
    """A run that cannot go on; its last checkpoint stays."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how a run is to go.

    Attributes:
        minutes: Of this call, validation and saving included; above 0.
        device: Where it learns.
        processes: That make batches; 0 for this one.
        validation_batches: Of the validation set.
        clock: Seconds.
    """

    minutes: float
    device: torch.device
    processes: int = 0
    validation_batches: int = 8
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a run is, for who watches.

    Attributes:
        step: Steps taken since the run began.
        loss: Of the last step.
        spent_s: Of this call.
        pairs_per_s: Over this call.
    """

    step: int
    loss: float
    spent_s: float
    pairs_per_s: float


class Run:
    """One run in its folder.

    Attributes:
        folder: Of the run.
        learner: What learns in it.

    Args:
        task: What is learned.
        folder: Of its checkpoints and its log.
        seed: Of all that is random in it.
        plan: Of this call.
        checkpoint: To go on from; None to begin.

    Raises:
        BadJob: The checkpoint is damaged.
    """

    def __init__(self, task: Task, folder: Path, seed: int, plan: Plan, checkpoint: Path | None = None) -> None:
        self._task, self.folder, self._seed, self._plan = task, folder, seed, plan
        self.learner = Learner(task, plan.device, seed)
        if checkpoint is not None:
            self.learner.go_on_from(checkpoints.read(checkpoint))
        self._validation: list[Batch] = []
        self._log = Log(folder / "log.jsonl")

    def train(self, on_step: Callable[[Moment], None], stop: Callable[[], bool] = lambda: False) -> dict[str, float]:
        """Learn until the minutes are over or ``stop`` says so; a checkpoint is kept every two minutes and at the end.

        Args:
            on_step: Told after each step.
            stop: Asked after each step.

        Returns:
            Figures of the validation at the end.

        Raises:
            TrainingFailed: The loss is no number any more.
        """
        clock, plan = self._plan.clock, self._plan
        began = saved = clock()
        self.folder.mkdir(parents=True, exist_ok=True)
        feed = batches(self._task, self._seed, self.learner.step, plan.processes, pinned=plan.device.type == "cuda")
        self._validate(began)
        cost_s, pairs, bad = clock() - began, 0, 0
        deadline = began + 60 * plan.minutes
        while True:
            waiting = clock()
            batch = next(feed)
            waited_s = clock() - waiting
            loss, length = self._step(batch)
            bad = 0 if math.isfinite(length) else bad + 1
            if bad == _MOST_BAD_STEPS:
                msg = f"step {self.learner.step}: expected a finite loss, got none in {bad} steps in a row"
                raise TrainingFailed(msg)
            pairs += loss.pairs
            moment = Moment(self.learner.step, loss.total.item(), clock() - began, pairs / max(1e-9, clock() - began))
            self._log.step(moment, loss, self.learner.rate, length, waited_s)
            on_step(moment)
            if stop() or clock() + cost_s > deadline:
                break
            if clock() - saved > SAVED_EVERY_S:
                saved = self._keep(began)
        self._keep(began)
        return self._figures

    def _step(self, batch: Batch) -> tuple[Loss, float]:
        learner = self.learner
        placed = self._placed(batch)
        with self._precision():
            loss = self._task.loss(learner.network, placed)
        return loss, learner.learn(loss.total)

    def _keep(self, began: float) -> float:
        """Validate and save; the time afterwards."""
        self._validate(began)
        learner = self.learner
        origin = Origin(self._task.name, dict(self._task.settings), self._seed, learner.step)
        checkpoints.save(self.folder, origin, learner.state())
        return self._plan.clock()

    @torch.no_grad()
    def _validate(self, began: float) -> None:
        """Figures of the running mean on scenes that no run trains on."""
        if not self._validation:
            count = self._plan.validation_batches
            seeds = [validation_seed(self._task, index) for index in range(count)]
            self._validation = [self._placed(self._task.batch(seed)) for seed in seeds]
        losses = list(self._judged())
        figures = {"loss": float(torch.stack([loss.total for loss in losses]).mean())}
        for name in losses[0].figures:
            figures[name] = float(torch.stack([loss.figures[name] for loss in losses]).mean())
        self._figures = figures
        self._log.validation(self.learner.step, self._plan.clock() - began, figures)

    def _judged(self) -> Iterator[Loss]:
        for batch in self._validation:
            with self._precision():
                yield self._task.loss(self.learner.average, batch)

    def _precision(self) -> torch.autocast:
        """bf16 where the device computes in it, whose range needs no scaling of the loss; else fp32."""
        place = self._plan.device
        enabled = place.type == "cuda" or Device.named("cpu").dtype is torch.bfloat16
        return torch.autocast(place.type, torch.bfloat16, enabled=enabled)

    def _placed(self, batch: Batch) -> Batch:
        return self._task.placed(batch, self._plan.device)
