"""What a run found, as JSON that a person or a program may read later."""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.chaos.checker import Anomaly

FOLDER = Path(__file__).parents[2] / ".chaos"


@dataclass(frozen=True, slots=True)
class Form:
    """How much is struck.

    Attributes:
        seed: Of everything that is random.
        minutes: Of the soak; 0 in the quick form.
    """

    seed: int
    minutes: float = 0.0

    @property
    def long(self) -> bool:
        """Whether this is the long form."""
        return self.minutes > 0

    def pick(self, quick: int, long: int) -> int:
        """A count, by the form."""
        return long if self.long else quick


@dataclass(slots=True)
class Struck:
    """A fault that struck, in seconds after the run began.

    Attributes:
        came_on_at_s: When every job had some more answers; 0 where it never had.
    """

    name: str
    at_s: float
    healed_at_s: float
    came_on_at_s: float = 0.0


@dataclass(slots=True)
class Verdict:
    """Of one run.

    Attributes:
        run: The test's name.
        seed: As given.
        long: Its form.
        faults: What struck.
        figures: What was counted and measured.
        died: Processes that ended though nobody struck them, with the end of their log.
        crashed: The same, of those that librdkafka ended by its issue 5280, see ``of_librdkafka``.
        anomalies: What the checker found, by job.
    """

    run: str
    seed: int
    long: bool
    faults: list[Struck] = field(default_factory=list[Struck])
    figures: dict[str, object] = field(default_factory=dict[str, object])
    died: list[str] = field(default_factory=list[str])
    crashed: list[str] = field(default_factory=list[str])
    anomalies: dict[str, list[Anomaly]] = field(default_factory=dict[str, list[Anomaly]])
    _began_s: float = field(default_factory=time.monotonic)

    def now_s(self) -> float:
        """Seconds since the run began."""
        return round(time.monotonic() - self._began_s, 3)

    @property
    def good(self) -> bool:
        """Whether all was looked at and nothing found."""
        return bool(self.anomalies) and not self.died and not any(self.anomalies.values())

    def write(self) -> Path:
        """Keep it; returns the file."""
        FOLDER.mkdir(exist_ok=True)
        path = FOLDER / f"{self.run}-{self.seed}.json"
        record = {name: value for name, value in asdict(self).items() if not name.startswith("_")}
        path.write_text(json.dumps({"good": self.good, "seconds": self.now_s(), **record}, indent=2) + "\n")
        return path
