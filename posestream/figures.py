"""Figures of evaluated recordings: accuracy, losses, time, and whether score and covariance tell the truth."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from estimators.mesh import load_object
from estimators.metrics import LOST_M, auc, is_inside, model_points, pose_errors, separation
from posestream.evaluate import Recording, Step
from schemas import State
from schemas.arrays import Array

_MM = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """One object through one recording, frame by frame; the first frame is left out: it is where tracking starts.

    Attributes:
        recording: Its address.
        object_id: The object.
        add_m: (N,) ADD; infinite without a pose, as are
        add_s_m: (N,) ADD-S,
        shift_m: (N,) distance between estimated and true origin and
        turn_rad: (N,) angle between estimated and true rotation.
        lost: (N,) bool: no pose, given as lost, or ADD-S above 3 cm.
        score: (N,) the estimates' scores.
        inside: (M,) bool: the truth in the 95 % ellipsoid, for the frames that have a covariance.
        step_s: (N,) time of the step per object.
    """

    recording: str
    object_id: str
    add_m: Array
    add_s_m: Array
    shift_m: Array
    turn_rad: Array
    lost: Array
    score: Array
    inside: Array
    step_s: Array


@dataclass(frozen=True, slots=True)
class Figures:
    """What one object's course, or several, come to.

    Of several, areas and the lost share are means over courses, each counting the same; all else is over all frames.

    Attributes:
        recording: Its address; "all" for several.
        object_id: The object; "all" for several.
        frames: How many were scored.
        add_auc: Area under the accuracy curve of ADD up to 0.1 m, 0 to 1.
        add_s_auc: The same of ADD-S.
        median_mm: Median distance between estimated and true origin.
        median_deg: Median angle between estimated and true rotation.
        lost_share: Frames without a pose, given as lost, or with ADD-S above 3 cm.
        ms_p50: Median time of a step per object.
        ms_p95: 95th percentile of it.
        score_roc: Area under the ROC of the score for frames with ADD-S above 3 cm; NaN where there are none.
        inside_share: Truths inside the 95 % ellipsoid of the covariance; NaN where no estimate has one.
    """

    recording: str
    object_id: str
    frames: int
    add_auc: float
    add_s_auc: float
    median_mm: float
    median_deg: float
    lost_share: float
    ms_p50: float
    ms_p95: float
    score_roc: float
    inside_share: float


def courses_of(recording: Recording) -> list[Course]:
    """The course of each object of a recording, in the order of their ids."""
    points = {item.object_id: model_points(load_object(item)) for item in recording.source.objects}
    steps: dict[str, list[Step]] = {}
    for step in recording.steps:
        if step.seq > 0:
            steps.setdefault(step.object_id, []).append(step)
    return [_course(recording.name, name, steps[name], points[name]) for name in sorted(steps)]


def _course(recording: str, object_id: str, steps: Sequence[Step], points_m: Array) -> Course:
    rows: list[tuple[float, float, float, float, bool]] = []
    inside: list[bool] = []
    for step in steps:
        pose, covariance = step.estimate.cam_from_obj, step.estimate.covariance
        if pose is None:
            rows.append((np.inf, np.inf, np.inf, np.inf, True))
            continue
        error = pose_errors(points_m, pose, step.truth)
        lost = step.estimate.state is State.LOST or error.add_s_m > LOST_M
        rows.append((error.add_m, error.add_s_m, error.translation_m, error.rotation_rad, lost))
        if covariance is not None:
            inside.append(is_inside(pose, covariance, step.truth))
    add_m, add_s_m, shift_m, turn_rad, lost_frames = (np.array(column, float) for column in zip(*rows, strict=True))
    return Course(
        recording=recording,
        object_id=object_id,
        add_m=add_m,
        add_s_m=add_s_m,
        shift_m=shift_m,
        turn_rad=turn_rad,
        lost=lost_frames > 0,
        score=np.array([step.estimate.score for step in steps]),
        inside=np.array(inside, np.bool_),
        step_s=np.array([step.step_s for step in steps]),
    )


def figures_of(*courses: Course) -> Figures:
    """The figures of one course, or of several together."""
    one = len(courses) == 1
    whole = {
        part.name: np.concatenate([getattr(course, part.name) for course in courses])
        for part in fields(Course)
        if part.name not in ("recording", "object_id")
    }
    step_ms = _MM * whole["step_s"]
    return Figures(
        recording=courses[0].recording if one else "all",
        object_id=courses[0].object_id if one else "all",
        frames=len(step_ms),
        add_auc=float(np.mean([auc(course.add_m) for course in courses])),
        add_s_auc=float(np.mean([auc(course.add_s_m) for course in courses])),
        median_mm=float(np.median(whole["shift_m"])) * _MM,
        median_deg=float(np.degrees(np.median(whole["turn_rad"]))),
        lost_share=float(np.mean([course.lost.mean() for course in courses])),
        ms_p50=float(np.percentile(step_ms, 50)),
        ms_p95=float(np.percentile(step_ms, 95)),
        score_roc=separation(whole["score"], whole["add_s_m"] > LOST_M),
        inside_share=float(whole["inside"].mean()) if len(whole["inside"]) else float("nan"),
    )


def as_json(courses: Sequence[Course]) -> dict[str, Any]:
    """``{"objects": [...], "all": {...}}``; what is no number (nothing found, no losses to tell) becomes null."""
    rows = [figures_of(course) for course in courses] + [figures_of(*courses)]
    finite = [{name: _finite(value) for name, value in asdict(one).items()} for one in rows]
    return {"objects": finite[:-1], "all": finite[-1]}


def _finite(value: str | float) -> str | float | None:
    return None if isinstance(value, float) and not np.isfinite(value) else value


COLUMNS = ("frames", "ADD", "ADD-S", "lost %", "mm", "deg", "ms p50", "ms p95", "ROC", "in 95 %")
"""What ``cells_of`` gives, in short."""


def cells_of(one: Figures) -> tuple[str, ...]:
    """The figures as texts, in the order of ``COLUMNS``; a dash where there is no number."""
    return (
        str(one.frames),
        f"{one.add_auc:.3f}",
        f"{one.add_s_auc:.3f}",
        f"{100 * one.lost_share:.1f}",
        f"{one.median_mm:.2f}",
        f"{one.median_deg:.2f}",
        f"{one.ms_p50:.1f}",
        f"{one.ms_p95:.1f}",
        "-" if np.isnan(one.score_roc) else f"{one.score_roc:.3f}",
        "-" if np.isnan(one.inside_share) else f"{one.inside_share:.2f}",
    )


def as_table(courses: Sequence[Course]) -> Table:
    """The figures for people."""
    table = Table(title="AUC up to 0.1 m; medians; time of a step; how well score and covariance know", box=SIMPLE_HEAD)
    for name in ("recording", "object"):
        table.add_column(name, overflow="fold")
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    rows = [figures_of(course) for course in courses]
    for one in [*rows, figures_of(*courses)] if len(rows) > 1 else rows:
        table.add_row(one.recording.rsplit("/", 1)[-1], one.object_id, *cells_of(one))
    return table
