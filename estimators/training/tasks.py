"""The tasks by name; what they import is imported when one is asked for."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from estimators.training import checkpoints
from estimators.training.checkpoints import Origin
from estimators.training.task import Task
from schemas import BadJob


def make(name: str, settings: Mapping[str, Any]) -> Task:
    """A task.

    Args:
        name: One of ``names``.
        settings: Of it, see ``Task``; those that are not given are its usual ones.

    Raises:
        BadJob: No such task, or settings that it does not know.
    """
    if name not in _MAKERS:
        msg = f"training: expected one of {', '.join(names())}, got {name!r}"
        raise BadJob(msg)
    try:
        return _MAKERS[name](**settings)
    except TypeError as error:
        msg = f"training of {name}: expected settings that it knows, got {dict(settings)}"
        raise BadJob(msg) from error


def names() -> list[str]:
    """The names that ``make`` knows."""
    return sorted(_MAKERS)


def resumed(name: str, run: Path) -> tuple[Task, Origin, Path]:
    """What is needed to go on with a run: its task, where it is, and its last checkpoint.

    Raises:
        BadJob: No run, or one of another network.
    """
    checkpoint = checkpoints.newest(run)
    origin = checkpoints.origin_of(checkpoint)
    if origin.task != name:
        msg = f"run {run}: expected one of {name}, got one of {origin.task}"
        raise BadJob(msg)
    return make(name, origin.settings), origin, checkpoint


def _refiner(**settings: Any) -> Task:  # noqa: ANN401 - its maker checks
    from estimators.foundationpose.training.refiner_task import RefinerTask

    return RefinerTask(**settings)


def _scorer(**settings: Any) -> Task:  # noqa: ANN401
    from estimators.foundationpose.training.scorer_task import ScorerTask

    return ScorerTask(**settings)


def _lite(**settings: Any) -> Task:  # noqa: ANN401
    from estimators.lite.task import LiteTask

    return LiteTask(**settings)


_MAKERS: dict[str, Callable[..., Task]] = {"refiner": _refiner, "scorer": _scorer, "lite": _lite}
