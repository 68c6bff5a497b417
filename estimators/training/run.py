"""A run of training: begun or gone on with, for some minutes."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from estimators.foundationpose.device import Device
from estimators.training import checkpoints
from estimators.training.checkpoints import Origin
from estimators.training.feed import batches
from estimators.training.log import Log, Moment
from estimators.training.plan import Plan, Watch
from estimators.training.state import Learner
from estimators.training.task import Batch, Loss, Task, validation_seed
from schemas import PosestreamError

_MOST_BAD_STEPS = 20


class TrainingFailed(PosestreamError):
    """A run that cannot go on; its last checkpoint stays."""


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
        self._bad = 0  # steps in a row without a finite loss
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
            Whatever else goes wrong, the state is kept first.
        """
        plan, self._watch = self._plan, Watch(self._plan)
        self.folder.mkdir(parents=True, exist_ok=True)
        feed = batches(self._task, self._seed, self.learner.step, plan.processes, pinned=plan.device.type == "cuda")
        self._make_validation()
        with self._watch.keeping():
            self._validate()
        try:
            self._learn(feed, on_step, stop)
        except TrainingFailed:
            raise  # nothing of a run without a finite loss is worth keeping
        except Exception:  # of the data, say: what was learned is not lost with it
            self._save()
            raise
        self._keep()
        return self._figures

    def _learn(self, feed: Iterator[Batch], on_step: Callable[[Moment], None], stop: Callable[[], bool]) -> None:
        watch, pairs = self._watch, 0
        batch, waited_s = self._next(feed)
        watch.start()
        while True:
            loss, length, upcoming = self._stepped(batch, feed)
            pairs += loss.pairs
            spent_s = watch.lap()
            on_step(self._logged(loss, length, waited_s, spent_s, pairs))
            self.learner.cooling = self._plan.cooled(spent_s)
            if stop() or not watch.another_fits:
                return
            if watch.keeping_is_due:
                with watch.keeping():
                    self._keep()
            batch, waited_s = upcoming

    def _logged(self, loss: Loss, length: float, waited_s: float, spent_s: float, pairs: int) -> Moment:
        moment = Moment(self.learner.step, loss.total.item(), spent_s, pairs / max(1e-9, spent_s))
        self._log.step(moment, loss, self.learner.rate, length, waited_s)
        return moment

    def _stepped(self, batch: Batch, feed: Iterator[Batch]) -> tuple[Loss, float, tuple[Batch, float]]:
        """Learn from a batch; its loss, the gradient's length, and the next batch, fetched while a GPU works."""
        learner = self.learner
        with self._precision():
            loss = self._task.loss(learner.network, batch)
        learner.descend(loss.total)
        upcoming = self._next(feed)
        length = learner.learn()
        self._bad = 0 if math.isfinite(length) else self._bad + 1
        if self._bad == _MOST_BAD_STEPS:
            msg = f"step {learner.step}: expected a finite loss, got none in {self._bad} steps in a row"
            raise TrainingFailed(msg)
        return loss, length, upcoming

    def _next(self, feed: Iterator[Batch]) -> tuple[Batch, float]:
        """A batch where the network is, and how long it was waited for."""
        waiting = self._plan.clock()
        batch = next(feed)
        waited_s = self._plan.clock() - waiting
        return self._placed(batch), waited_s

    def _keep(self) -> None:
        """Validate and save."""
        self._validate()
        self._save()

    def _save(self) -> None:
        learner = self.learner
        origin = Origin(self._task.name, dict(self._task.settings), self._seed, learner.step)
        checkpoints.save(self.folder, origin, learner.state())

    def _make_validation(self) -> None:
        seeds = [validation_seed(self._task, index) for index in range(self._plan.validation_batches)]
        self._validation = [self._placed(self._task.batch(seed)) for seed in seeds]

    @torch.no_grad()
    def _validate(self) -> None:
        """Figures of the running mean on scenes that no run trains on."""
        losses = list(self._judged())
        figures = {"loss": float(torch.stack([loss.total for loss in losses]).mean())}
        for name in losses[0].figures:
            figures[name] = float(torch.stack([loss.figures[name] for loss in losses]).mean())
        self._figures = figures
        self._log.validation(self.learner.step, self._watch.spent_s, figures)

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
