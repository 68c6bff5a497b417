"""Figures of evaluated recordings: accuracy, losses and time; as a table, as JSON and as BOP's CSV."""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from estimators.mesh import load_object
from estimators.metrics import LOST_M, auc, model_points, pose_errors
from posestream.evaluate import Recording, Step
from schemas import State
from schemas.arrays import Array

_MM = 1000.0


@dataclass(frozen=True, slots=True)
class Figures:
    """One object of one recording, or the mean over several.

    The first frame is left out: it is where tracking starts. A frame without a pose counts as lost.

    Attributes:
        recording: Its address.
        object_id: The object; "mean" for the mean over objects.
        frames: How many were scored.
        add_auc: Area under the accuracy curve of ADD up to 0.1 m, 0 to 1.
        add_s_auc: The same of ADD-S.
        median_mm: Median distance between estimated and true origin.
        median_deg: Median angle between estimated and true rotation.
        lost_share: Frames without a pose, given as lost, or with ADD-S above 3 cm.
        ms_p50: Median time of a step per object.
        ms_p95: 95th percentile of it.
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


def figures_of(recording: Recording) -> list[Figures]:
    """Figures of each object of a recording, in the order of their ids."""
    points = {item.object_id: model_points(load_object(item)) for item in recording.source.objects}
    steps: dict[str, list[Step]] = {}
    for step in recording.steps:
        if step.seq > 0:
            steps.setdefault(step.object_id, []).append(step)
    return [_figures(recording.name, name, steps[name], points[name]) for name in sorted(steps)]


def _figures(recording: str, object_id: str, steps: Sequence[Step], points_m: Array) -> Figures:
    rows: list[tuple[float, float, float, float, bool]] = []
    for step in steps:
        pose = step.estimate.cam_from_obj
        if pose is None:
            rows.append((np.inf, np.inf, np.inf, np.inf, True))
            continue
        error = pose_errors(points_m, pose, step.truth)
        lost = step.estimate.state is State.LOST or error.add_s_m > LOST_M
        rows.append((error.add_m, error.add_s_m, error.translation_m, error.rotation_rad, lost))
    add_m, add_s_m, shift_m, turn_rad, lost_frames = (np.array(column, float) for column in zip(*rows, strict=True))
    step_ms = _MM * np.array([step.step_s for step in steps])
    return Figures(
        recording=recording,
        object_id=object_id,
        frames=len(steps),
        add_auc=auc(add_m),
        add_s_auc=auc(add_s_m),
        median_mm=float(np.median(shift_m)) * _MM,
        median_deg=float(np.degrees(np.median(turn_rad))),
        lost_share=float(lost_frames.mean()),
        ms_p50=float(np.percentile(step_ms, 50)),
        ms_p95=float(np.percentile(step_ms, 95)),
    )


def mean_of(figures: Sequence[Figures]) -> Figures:
    """The mean of each figure over objects, each object counting the same."""
    numbers: dict[str, Any] = {
        name: float(np.mean([getattr(one, name) for one in figures]))
        for name in Figures.__dataclass_fields__
        if name not in ("recording", "object_id", "frames")
    }
    return Figures(recording="all", object_id="mean", frames=sum(one.frames for one in figures), **numbers)


def as_json(figures: Sequence[Figures]) -> dict[str, Any]:
    """``{"objects": [...], "mean": {...}}``; infinite errors (nothing was ever found) become null."""
    rows = [{name: _finite(value) for name, value in asdict(one).items()} for one in [*figures, mean_of(figures)]]
    return {"objects": rows[:-1], "mean": rows[-1]}


def _finite(value: str | float) -> str | float | None:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def as_table(figures: Sequence[Figures]) -> Table:
    """The figures for people."""
    table = Table(title="AUC of ADD and ADD-S up to 0.1 m; medians; time of a step per object")
    for name in ("recording", "object"):
        table.add_column(name)
    for name in ("frames", "ADD", "ADD-S", "mm", "deg", "lost %", "ms p50", "ms p95"):
        table.add_column(name, justify="right")
    rows = [*figures, mean_of(figures)] if len(figures) > 1 else figures
    for one in rows:
        table.add_row(
            one.recording.rsplit("/", 1)[-1],
            one.object_id,
            str(one.frames),
            f"{one.add_auc:.3f}",
            f"{one.add_s_auc:.3f}",
            f"{one.median_mm:.2f}",
            f"{one.median_deg:.2f}",
            f"{100 * one.lost_share:.1f}",
            f"{one.ms_p50:.1f}",
            f"{one.ms_p95:.1f}",
        )
    return table


def write_csv(path: Path, recordings: Iterable[Recording]) -> int:
    """Write a BOP results file: scene_id,im_id,obj_id,score,R,t,time with t in mm and time in seconds.

    ``scene_id`` is the leading number of the recording's folder name, else 0. ``time`` is the frame's time
    divided by its objects, so that a figure per object can be read from it. An estimate without a pose has no row.

    Returns:
        How many rows were written.
    """
    count = 0
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("scene_id", "im_id", "obj_id", "score", "R", "t", "time"))
        for recording in recordings:
            scene = scene_id(recording.name)
            for step in recording.steps:
                pose = step.estimate.cam_from_obj
                if pose is None:
                    continue
                R = " ".join(f"{value:.9g}" for value in pose.rotation.ravel())
                t = " ".join(f"{value * _MM:.6f}" for value in pose.translation_m)
                image = recording.source.image_id(step.seq)
                score = f"{step.estimate.score:.6f}"
                writer.writerow((scene, image, object_number(step.object_id), score, R, t, f"{step.step_s:.6f}"))
                count += 1
    return count


def scene_id(address: str) -> int:
    """The leading number of the folder's name in an address, else 0."""
    place = address.split(":", 1)[-1].split("?", 1)[0]
    found = re.match(r"\d+", Path(place).name)
    return int(found[0]) if found else 0


def object_number(object_id: str) -> int:
    """The trailing number of an object's id (``obj_000005`` is 5), else 0."""
    found = re.search(r"(\d+)$", object_id)
    return int(found[1]) if found else 0
