"""What a job may say about how FoundationPose works for it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from estimators.option_values import one_of, whole_number
from schemas import BadJob

FULL, PRUNED, GEOMETRIC = "full", "pruned", "geometric"
_SEARCHES = ("auto", FULL, PRUNED, GEOMETRIC)
_MOST_ITERATIONS = 20


@dataclass(frozen=True, slots=True)
class Options:
    """A job's options; the text of each is checked.

    Attributes:
        search: How registration starts: full is the reference's (252 hypotheses, 5 iterations); pruned drops most of
            them on the way; geometric takes the 8 best of the geometric estimator, 2 iterations. auto is full on
            CUDA and geometric on a CPU.
        iterations: Of tracking, a frame.
        score_every: Frames between two looks of the scorer at a tracked object; 0 for never.
        loss: Whether objects can be lost; off tracks whatever comes.
    """

    search: str = "auto"
    iterations: int = 2
    score_every: int = 30
    loss: bool = True

    @staticmethod
    def of(options: Mapping[str, str], device_type: str) -> "Options":
        """The options in a job's texts.

        Args:
            options: ``search``, ``iterations``, ``score_every``, ``loss`` (on or off).
            device_type: cpu or cuda.

        Raises:
            BadJob: An unknown option or value; it is named.
        """
        known = [field.name for field in fields(Options)]
        for name in options:
            if name not in known:
                msg = f"option {name}: foundationpose knows {', '.join(known)}"
                raise BadJob(msg)
        search = one_of("search", options.get("search", "auto"), _SEARCHES)
        if search == "auto":
            search = GEOMETRIC if device_type == "cpu" else FULL
        return Options(
            search,
            whole_number("iterations", options.get("iterations", "2"), 1, _MOST_ITERATIONS),
            whole_number("score_every", options.get("score_every", "30"), 0, 1_000_000),
            one_of("loss", options.get("loss", "on"), ("on", "off")) == "on",
        )
