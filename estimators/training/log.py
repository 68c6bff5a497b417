"""What a run tells of itself: a JSON object a line, appended."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from estimators.training.task import Loss


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


class Log:
    """The log of a run.

    Lines of steps have ``step``, ``loss``, the task's figures, ``rate``, ``gradient``, ``waited_s`` (for the batch),
    ``spent_s`` and ``pairs_per_s`` (both of this call); lines of validations have ``step``, ``spent_s`` and
    ``validation``, the figures there.

    Args:
        path: Of the file; made with the first line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def step(self, moment: Moment, loss: Loss, rate: float, gradient: float, waited_s: float) -> None:
        """A step was taken."""
        figures = {name: float(value) for name, value in loss.figures.items()}
        self._append(
            {"step": moment.step, "loss": moment.loss, **figures}
            | {"rate": rate, "gradient": gradient, "waited_s": round(waited_s, 4)}
            | {"spent_s": round(moment.spent_s, 2), "pairs_per_s": round(moment.pairs_per_s, 2)}
        )

    def validation(self, step: int, spent_s: float, figures: dict[str, float]) -> None:
        """The validation set was looked at."""
        self._append({"step": step, "spent_s": round(spent_s, 2), "validation": figures})

    def _append(self, line: Mapping[str, object]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")
