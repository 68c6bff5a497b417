"""How long a call of training is to go, and where it is on its way."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

KEPT_EVERY_S = 120.0
"""A machine that is taken away costs so much work at most."""
_COLDEST = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how a run is to go.

    Attributes:
        minutes: Of this call, validation and saving included; above 0.
        device: Where it learns.
        cool_down_minutes: At the end, over which the rate falls to a tenth; for the last call of a run, since what
            it had learned by then is less sharp otherwise.
        processes: That make batches; 0 for this one.
        validation_batches: Of the validation set.
        clock: Seconds.
    """

    minutes: float
    device: torch.device
    cool_down_minutes: float = 0.0
    processes: int = 0
    validation_batches: int = 8
    clock: Callable[[], float] = time.monotonic

    def cooled(self, spent_s: float) -> float:
        """What of the rate is left after so long."""
        left = max(0.0, 60 * self.minutes - spent_s) / max(1e-9, 60 * self.cool_down_minutes)
        return max(_COLDEST, min(1.0, left))


class Watch:
    """The clock of one call: what was spent, and whether one more step would fit.

    Args:
        plan: Of the call, which begins now.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._began = self._lap = self._kept = plan.clock()
        self._step_s = self._keeping_s = 0.0  # what the last step took, and validating and saving

    @property
    def spent_s(self) -> float:
        """Since the call began."""
        return self._plan.clock() - self._began

    def start(self) -> None:
        """The first step begins."""
        self._lap = self._kept = self._plan.clock()

    def lap(self) -> float:
        """A step was taken: what was spent by now, seconds."""
        before, self._lap = self._lap, self._plan.clock()
        self._step_s = self._lap - before
        return self._lap - self._began

    @property
    def another_fits(self) -> bool:
        """Whether another step that takes as long as the last one, and keeping, would be over in time."""
        return self._lap - self._began + self._step_s + self._keeping_s <= 60 * self._plan.minutes

    @property
    def keeping_is_due(self) -> bool:
        """Whether the state ought to be kept after the last step."""
        return self._lap - self._kept > KEPT_EVERY_S

    @contextmanager
    def keeping(self) -> Generator[None]:
        """The state is kept inside: what that costs is learned, and no step is charged for it."""
        self._kept = self._plan.clock()
        yield
        self._lap = self._plan.clock()
        self._keeping_s = self._lap - self._kept
