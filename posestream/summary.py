"""What a demo did: everything it counts is read back from Kafka and Postgres, nothing from memory."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.table import Table

from estimators.mesh import load_object
from estimators.metrics import PoseErrors, auc, model_points, pose_errors
from producers.sources.base import Source
from schemas import PoseEvent, State
from schemas.arrays import Array

_MS_IN_NS = 1e-6
_NEVER = PoseErrors(np.inf, np.inf, np.inf, np.inf)  # no pose: beyond every threshold


@dataclass(frozen=True, slots=True)
class Accuracy:
    """One object against the truth over a whole run.

    Attributes:
        add_mm: Median of ADD, mm; None where the object was never found.
        add_s_mm: Median of ADD-S, mm; likewise.
        median_mm: Median distance between the origins, mm; likewise.
        median_deg: Median angle between the rotations; likewise.
        add_auc: Area under the accuracy curve of ADD up to 0.1 m.
        add_s_auc: The same of ADD-S.
        lost_frames: Frames in state ``lost``.
        registrations: Frames in state ``registered``.
    """

    object_id: str
    add_mm: float | None
    add_s_mm: float | None
    median_mm: float | None
    median_deg: float | None
    add_auc: float
    add_s_auc: float
    lost_frames: int
    registrations: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A run from end to end.

    Attributes:
        frames_in: Records in the frames topic.
        events: Records in the poses topic.
        rows: Rows in ``pose_events``.
        skipped: Frames that events say were skipped.
        in_order: Whether the events lie in the topic in the order of their frames.
        first_pose_s: From the command to the first row with a pose.
        age_p50_ms: From publishing the frame to its event being made, median.
        age_p99_ms: 99th percentile of it.
        stage_p50_ms: Median time of each stage.
        accuracy: Per object; empty where the source knows no truth.
    """

    job_id: str
    run_id: str
    frames_in: int
    events: int
    rows: int
    skipped: int
    in_order: bool
    first_pose_s: float
    age_p50_ms: float
    age_p99_ms: float
    stage_p50_ms: Mapping[str, float]
    accuracy: Sequence[Accuracy]

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self) | {"stage_p50_ms": dict(self.stage_p50_ms)}


def ages_ms(events: Sequence[PoseEvent]) -> tuple[float, float]:
    """Median and 99th percentile of the age of frames when their events were made."""
    ages = [(event.produced_ns - event.published_ns) * _MS_IN_NS for event in events]
    return float(np.percentile(ages, 50)), float(np.percentile(ages, 99))


def stages_ms(events: Sequence[PoseEvent]) -> dict[str, float]:
    """Median milliseconds of each stage, over the events that went through it."""
    names = sorted({name for event in events for name in event.stage_s})
    return {
        name: 1000 * float(np.median([event.stage_s[name] for event in events if name in event.stage_s]))
        for name in names
    }


def accuracy_of(source: Source, events: Sequence[PoseEvent]) -> list[Accuracy]:
    """Each object of a source against its truth; the first frame is left out, it is where tracking starts."""
    found: list[Accuracy] = []
    for item in source.objects:
        points = model_points(load_object(item))
        errors: list[PoseErrors] = []
        for event in events[1:]:
            truth = source.truth(event.seq).get(item.object_id)
            estimate = event.estimates.get(item.object_id)
            if truth is not None:
                pose = None if estimate is None else estimate.cam_from_obj
                errors.append(_NEVER if pose is None else pose_errors(points, pose, truth))
        states = [event.estimates[item.object_id].state for event in events if item.object_id in event.estimates]
        if errors:
            found.append(_accuracy(item.object_id, errors, states))
    return found


def _accuracy(object_id: str, errors: Sequence[PoseErrors], states: Sequence[State]) -> Accuracy:
    add_m, add_s_m, turn_rad, shift_m = (
        np.array([getattr(one, name) for one in errors])
        for name in ("add_m", "add_s_m", "rotation_rad", "translation_m")
    )
    return Accuracy(
        object_id=object_id,
        add_mm=_median(add_m, 1000),
        add_s_mm=_median(add_s_m, 1000),
        median_mm=_median(shift_m, 1000),
        median_deg=_median(turn_rad, float(np.degrees(1))),
        add_auc=auc(add_m),
        add_s_auc=auc(add_s_m),
        lost_frames=states.count(State.LOST),
        registrations=states.count(State.REGISTERED),
    )


def _median(values: Array, unit: float) -> float | None:
    """The median in another unit; None where it is infinite, since JSON knows no infinity."""
    found = float(np.median(values)) * unit
    return found if np.isfinite(found) else None


def as_table(summary: Summary) -> Table:
    """The summary for people."""
    table = Table("", "", title=f"job {summary.job_id}, run {summary.run_id}", show_header=False)
    table.add_row("frames in / events / rows", f"{summary.frames_in} / {summary.events} / {summary.rows}")
    table.add_row("skipped", str(summary.skipped))
    table.add_row("first pose after", f"{summary.first_pose_s:.1f} s")
    table.add_row("frame age p50 / p99", f"{summary.age_p50_ms:.1f} / {summary.age_p99_ms:.1f} ms")
    for name, value in summary.stage_p50_ms.items():
        table.add_row(f"stage {name} p50", f"{value:.1f} ms")
    for one in summary.accuracy:
        medians = " / ".join(
            "never found" if value is None else f"{value:.1f} mm" for value in (one.add_mm, one.add_s_mm)
        )
        if one.median_mm is not None and one.median_deg is not None:
            medians += f", median {one.median_mm:.1f} mm, {one.median_deg:.1f} deg"
        areas = f"AUC {one.add_auc:.3f} / {one.add_s_auc:.3f}"
        states = f"lost in {one.lost_frames} frames, registered {one.registrations} times"
        table.add_row(f"{one.object_id}: ADD / ADD-S", f"{medians}, {areas}; {states}")
    return table
