"""``posestream compare``: what two runs said of the same frames, side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from schemas import Estimate, PoseEvent, PosestreamError, State

_MM = 1e3
_MS = 1e3
_MS_OF_NS = 1e-6
_PAGE = 1000


class NothingToCompare(PosestreamError):
    """A run has no row in the database."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and 95th percentile of some values; None where there are none."""

    p50: float | None
    p95: float | None

    @staticmethod
    def of(values: Sequence[float]) -> "Spread":
        """Of values in any order."""
        if not values:
            return Spread(None, None)
        p50, p95 = np.percentile(values, (50, 95)).tolist()
        return Spread(p50, p95)


@dataclass(frozen=True, slots=True)
class RunFigures:
    """One run.

    Attributes:
        estimator: Name, version and the weights' digest, as the newest event says.
        frames: Events in the database.
        skipped: Frames that its worker skipped.
        missing: Frames up to its last one that are neither there nor said to be skipped.
        step_ms: Time per frame, all stages together.
        age_ms: From publishing to the event.
    """

    job_id: str
    run_id: str
    estimator: str
    frames: int
    skipped: int
    missing: int
    step_ms: Spread
    age_ms: Spread


@dataclass(frozen=True, slots=True)
class ObjectFigures:
    """One object in one run: shares of the run's frames, and the score where it was not lost.

    Attributes:
        lost: Share of frames in which it was lost, 0 to 1.
        registered: Times that it was found anew.
        score: Of the frames in which it was not lost.
    """

    lost: float
    registered: int
    score: Spread


@dataclass(frozen=True, slots=True)
class ObjectComparison:
    """One object in both runs.

    Attributes:
        runs: First and second run.
        both: Common frames in which neither lost it; the differences are over these.
        only: Common frames in which the first run, and the second run, alone had it.
        turn_deg: Angle between the two rotations.
        shift_mm: Distance between the two origins.
    """

    object_id: str
    runs: tuple[ObjectFigures, ObjectFigures]
    both: int
    only: tuple[int, int]
    turn_deg: Spread
    shift_mm: Spread


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs.

    Attributes:
        matched_by: ``captured_ns``, or ``seq`` where no frame of both was captured at the same time.
        common: Frames that both runs have an event for.
    """

    runs: tuple[RunFigures, RunFigures]
    matched_by: str
    common: int
    objects: tuple[ObjectComparison, ...]


def compared(first: Sequence[PoseEvent], second: Sequence[PoseEvent]) -> Comparison:
    """Compare two runs' events; a replay keeps times of capture, so frames are matched by them where that can be.

    Args:
        first: Of one run, in the order of its frames; not empty.
        second: Of the other.
    """
    matched_by, pairs = matched(first, second)
    names = sorted({name for event in (*first, *second) for name in event.estimates})
    objects = tuple(_object(name, first, second, pairs) for name in names)
    return Comparison((_run(first), _run(second)), matched_by, len(pairs), objects)


def all_events(
    page: Callable[[str, str | None, int, int], list[PoseEvent]], job_id: str, run_id: str | None
) -> list[PoseEvent]:
    """Every event of a run, the newest run where none is named.

    Args:
        page: ``sink.queries.Queries.events``.
        job_id: The job.
        run_id: The run.

    Raises:
        NothingToCompare: There is none.
    """
    found = page(job_id, run_id, -1, _PAGE)
    if not found:
        msg = f"job {job_id}, run {run_id or '(newest)'}: expected pose events in the database, found none"
        raise NothingToCompare(msg)
    more = found
    while len(more) == _PAGE:
        more = page(job_id, found[0].run_id, found[-1].seq, _PAGE)
        found = [*found, *more]
    return found


def matched(first: Sequence[PoseEvent], second: Sequence[PoseEvent]) -> tuple[str, list[tuple[PoseEvent, PoseEvent]]]:
    """Events of the same frame, in order, and by what they were found to be: ``captured_ns`` or ``seq``."""
    pairs = _pairs(first, second, lambda event: event.captured_ns)
    if pairs:
        return "captured_ns", pairs
    return "seq", _pairs(first, second, lambda event: event.seq)


def difference(one: Estimate | None, other: Estimate | None) -> tuple[float, float] | None:
    """Degrees and millimetres between two estimates; None where one of them has lost the object."""
    if not held(one) or not held(other) or not (one and other and one.cam_from_obj and other.cam_from_obj):
        return None
    turn_rad, shift_m = one.cam_from_obj.distance(other.cam_from_obj)
    return float(np.degrees(turn_rad)), _MM * shift_m


def held(estimate: Estimate | None) -> bool:
    """Whether there is an estimate and it is not lost."""
    return estimate is not None and estimate.state is not State.LOST


def _pairs(
    first: Sequence[PoseEvent], second: Sequence[PoseEvent], key: Callable[[PoseEvent], int]
) -> list[tuple[PoseEvent, PoseEvent]]:
    other = {key(event): event for event in second}
    return [(event, other[key(event)]) for event in first if key(event) in other]


def _run(events: Sequence[PoseEvent]) -> RunFigures:
    last = events[-1]
    skipped = sum(len(event.skipped) for event in events if event.skipped is not None)
    digest = f" {last.weights_digest[:8]}" if last.weights_digest else ""
    return RunFigures(
        last.job_id,
        last.run_id,
        f"{last.estimator} {last.estimator_version}{digest}",
        len(events),
        skipped,
        last.seq + 1 - len(events) - skipped,
        Spread.of([_MS * sum(event.stage_s.values()) for event in events]),
        Spread.of([_MS_OF_NS * (event.produced_ns - event.published_ns) for event in events]),
    )


def _object(
    name: str,
    first: Sequence[PoseEvent],
    second: Sequence[PoseEvent],
    pairs: Sequence[tuple[PoseEvent, PoseEvent]],
) -> ObjectComparison:
    turns_deg: list[float] = []
    shifts_mm: list[float] = []
    only_first, only_second = 0, 0
    for one, other in pairs:
        a, b = one.estimates.get(name), other.estimates.get(name)
        apart = difference(a, b)
        if apart is not None:
            turns_deg.append(apart[0])
            shifts_mm.append(apart[1])
        else:
            only_first += held(a)
            only_second += held(b)
    runs = (_in_run(name, first), _in_run(name, second))
    only = (only_first, only_second)
    return ObjectComparison(name, runs, len(turns_deg), only, Spread.of(turns_deg), Spread.of(shifts_mm))


def _in_run(name: str, events: Sequence[PoseEvent]) -> ObjectFigures:
    estimates = [event.estimates.get(name) for event in events]
    held = [one for one in estimates if one is not None and one.state is not State.LOST]
    registered = sum(one.state is State.REGISTERED for one in held)
    return ObjectFigures(1 - len(held) / len(events), registered, Spread.of([one.score for one in held]))
