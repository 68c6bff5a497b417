"""``posestream compare --plot``: two runs over time, a column for each object."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from posestream.compare import NothingToCompare, difference, held, matched
from schemas import PoseEvent, PosestreamError
from schemas.arrays import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_S_OF_NS = 1e-9
_MS = 1e3
_WIDTH_IN, _HEIGHT_IN = 6.0, 9.0  # of a column
_COLOURS = ("tab:blue", "tab:orange")
_FORMATS = (".png", ".svg", ".pdf")
_ROWS = ("score", "apart, mm", "apart, degrees", "ms a frame")


class CannotPlot(PosestreamError):
    """A plot that cannot be drawn or written."""


def save(first: Sequence[PoseEvent], second: Sequence[PoseEvent], path: Path) -> None:
    """Draw two runs into a file.

    Args:
        first: Events of one run, in order.
        second: Of the other.
        path: Its ending says the format.

    Raises:
        CannotPlot: matplotlib is not installed, an ending that is not known, or the file cannot be written.
        NothingToCompare: The runs have no frame in common.
    """
    if path.suffix not in _FORMATS:
        msg = f"plot: expected a file that ends in {', '.join(_FORMATS)}, got {path}"
        raise CannotPlot(msg)
    try:
        drawn = figure(first, second)
    except ModuleNotFoundError as error:
        msg = f"plot: expected the package {error.name} to be installed, it is not; pip install 'posestream[plot]'"
        raise CannotPlot(msg) from error
    try:
        drawn.savefig(path)
    except OSError as error:
        msg = f"plot: {path} cannot be written: {error.strerror}"
        raise CannotPlot(msg) from error


def figure(first: Sequence[PoseEvent], second: Sequence[PoseEvent]) -> "Figure":
    """Rows: score (a gap where the object is lost), distance, angle, time of a step; columns: objects.

    Time is counted from the first frame that both have, in each run by its own times of capture.
    """
    from matplotlib.figure import Figure

    _, pairs = matched(first, second)
    if not pairs:
        msg = "plot: expected frames that both runs have an event for, found none"
        raise NothingToCompare(msg)
    names = sorted({name for event in (*first, *second) for name in event.estimates})
    drawn = Figure(figsize=(_WIDTH_IN * len(names), _HEIGHT_IN), layout="constrained")
    axes: Any = drawn.subplots(len(_ROWS), len(names), sharex=True, squeeze=False)
    for column, name in enumerate(names):
        axes[0][column].set_title(name)
        axes[-1][column].set_xlabel("s")
        _draw_runs(axes[:, column], name, (first, second), [pair.captured_ns for pair in pairs[0]])
        _draw_differences(axes[:, column], name, pairs)
    for row, label in enumerate(_ROWS):
        axes[row][0].set_ylabel(label)
    axes[0][0].legend()
    return drawn


def _draw_runs(axes: Any, name: str, runs: Sequence[Sequence[PoseEvent]], starts_ns: Sequence[int]) -> None:  # noqa: ANN401 - matplotlib's
    for run, start_ns, colour in zip(runs, starts_ns, _COLOURS, strict=True):
        at_s = _seconds(run, start_ns)
        estimates = [event.estimates.get(name) for event in run]
        score = [one.score if one is not None and held(one) else np.nan for one in estimates]
        step_ms = [_MS * sum(event.stage_s.values()) for event in run]
        label = f"{run[-1].job_id}/{run[-1].run_id}: {run[-1].estimator} {run[-1].estimator_version}"
        axes[0].plot(at_s, score, color=colour, label=label, linewidth=1)
        axes[3].plot(at_s, step_ms, color=colour, linewidth=1)
    axes[0].set_ylim(0, 1)


def _draw_differences(axes: Any, name: str, pairs: Sequence[tuple[PoseEvent, PoseEvent]]) -> None:  # noqa: ANN401 - matplotlib's
    at_s = _seconds([one for one, _ in pairs], pairs[0][0].captured_ns)
    apart = [difference(a.estimates.get(name), b.estimates.get(name)) or (np.nan, np.nan) for a, b in pairs]
    turn_deg, shift_mm = np.array(apart).T
    axes[1].plot(at_s, shift_mm, color="black", linewidth=1)
    axes[2].plot(at_s, turn_deg, color="black", linewidth=1)


def _seconds(events: Sequence[PoseEvent], start_ns: int) -> Array:
    return np.array([(event.captured_ns - start_ns) * _S_OF_NS for event in events])
