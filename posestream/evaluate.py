"""Runs an estimator over recordings with ground truth, without Kafka.

An estimator on one thread is timed in CPU time of the process: what else the machine does is not charged. On several
threads that would be the sum over them, so that steps are timed by the wall clock then.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from estimators import registry
from estimators.base import Estimator
from producers.sources.base import Shot, Source
from producers.sources.open import open_recording
from schemas import Estimate, Frame, Job, JobObject, Pose, PosestreamError

log = logging.getLogger("posestream.evaluate")

RUN_ID = "eval"


class Start(StrEnum):
    """Where the first pose of each object comes from."""

    MASK = "mask"
    """The estimator registers the object from its mask in the first frame."""
    TRUTH = "truth"
    """The true pose of the first frame is given."""


class EvaluationError(PosestreamError):
    """A recording cannot be evaluated: no ground truth, or nothing in it to start from."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One object in one frame.

    Attributes:
        object_id: The object.
        seq: The frame's place in the recording, from 0.
        truth: True ``cam_from_obj``.
        estimate: The estimator's answer.
        step_s: The frame's time in the estimator, shared equally among its objects.
    """

    object_id: str
    seq: int
    truth: Pose
    estimate: Estimate
    step_s: float


@dataclass(slots=True)
class Recording:
    """One evaluated recording: ``steps`` in order of frames and objects."""

    name: str
    source: Source
    steps: list[Step] = field(default_factory=list[Step])


def find_recordings(arguments: list[str]) -> list[str]:
    """Source URIs for what a user names: URIs, recordings, or folders full of recordings.

    Raises:
        EvaluationError: A folder holds no recording.
    """
    uris: list[str] = []
    for argument in arguments:
        folder = Path(argument)
        if not folder.is_dir():
            uris.append(argument)
        elif (folder / "scene_gt.json").exists():
            uris.append(f"bop:{folder}")
        else:
            inside = sorted(path.parent for path in folder.glob("*/scene_gt.json"))
            if not inside:
                msg = f"{folder}: expected scene_gt.json in it or in a folder below it, found none"
                raise EvaluationError(msg)
            uris += [f"bop:{path}" for path in inside]
    return uris


def evaluate(
    uri: str,
    estimator_name: str,
    start: Start,
    on_frame: Callable[[int, int], None],
    options: Mapping[str, str] | None = None,
    resources: registry.Resources | None = None,
    clock: Callable[[], float] | None = None,
    references: Mapping[str, str] | None = None,
) -> Recording:
    """Run one recording from its first frame to its last, started once and never helped afterwards.

    Args:
        uri: A source with ground truth.
        estimator_name: As in ``estimators.registry``.
        start: Where the first poses come from.
        on_frame: Called with frames done and frames in all (0 where unknown).
        options: Settings of the estimator, as a job's.
        resources: Of the estimator; one thread if None.
        references: object_id -> folder of posed photos that the estimator is to know it by, not by its mesh.
        clock: Seconds; what a step costs is read from it. CPU time of the process on one thread, else wall time.

    Raises:
        EvaluationError: No ground truth, or no object to start with.
        PosestreamError: The source cannot be read, the estimator refuses a mesh or a frame.
    """
    source = open_recording(uri)
    recording = Recording(uri, source)
    job = Job(
        id="eval", objects=_known_by(source.objects, references or {}), estimator=estimator_name, options=options or {}
    )
    resources = resources or registry.Resources()
    estimator = registry.load(estimator_name, resources)
    alone = resources.threads == 1 and not resources.device.startswith("cuda")
    clock = clock or (time.process_time if alone else time.perf_counter)
    prepare_all(estimator, job)
    opening = next(source.shots(0))
    _warm_up(estimator, job, opening, source, start)
    estimates: Mapping[str, Estimate] = {}
    for seq, shot in enumerate(source.shots(0)):
        frame = frame_of(job, seq, shot, source)
        began = clock()
        first = seq == 0
        estimates = started(estimator, frame, source, start) if first else estimator.track([frame], [estimates])[0]
        _note(recording, seq, estimates, clock() - began)
        on_frame(seq + 1, source.frame_count)
    return recording


def _known_by(objects: tuple[JobObject, ...], references: Mapping[str, str]) -> tuple[JobObject, ...]:
    names = [item.object_id for item in objects]
    if unknown := sorted(set(references) - set(names)):
        msg = f"references: expected objects among {', '.join(names)}, got {', '.join(unknown)}"
        raise EvaluationError(msg)
    return tuple(
        replace(item, model_uri=references[item.object_id], model_unit_m=1.0) if item.object_id in references else item
        for item in objects
    )


def prepare_all(estimator: Estimator, job: Job) -> None:
    """``Estimator.prepare`` where every object counts.

    Raises:
        EvaluationError: One of them cannot be used.
        BadJob: The options are not known, or none can be used.
    """
    if refused := estimator.prepare(job):
        raise EvaluationError("; ".join(refused.values()))


def _warm_up(estimator: Estimator, job: Job, shot: Shot, source: Source, start: Start) -> None:
    """Compile and fill caches on the first frame, so that no step is charged for it."""
    frame = frame_of(job, 0, shot, source)
    estimator.track([frame], [started(estimator, frame, source, start)])


def frame_of(job: Job, seq: int, shot: Shot, source: Source) -> Frame:
    """A shot of a source as the frame of a job."""
    return Frame(
        job.id, RUN_ID, seq, round(shot.at_s * 1e9), shot.camera or source.camera, shot.rgb, shot.depth_m, shot.masks
    )


def started(estimator: Estimator, frame: Frame, source: Source, start: Start) -> Mapping[str, Estimate]:
    """The estimates that tracking starts from.

    Raises:
        EvaluationError: The first frame has no mask, or no true pose.
    """
    if start is Start.MASK:
        if not frame.masks:
            msg = f"{source.name}: expected masks in the first frame, found none; try --init truth"
            raise EvaluationError(msg)
        return estimator.register(frame, sorted(frame.masks))
    truth = source.truth(0)
    if not truth:
        msg = f"{source.name}: expected true poses for the first frame, found none"
        raise EvaluationError(msg)
    return estimator.adopt(frame, dict(sorted(truth.items())))


def _note(recording: Recording, seq: int, estimates: Mapping[str, Estimate], frame_s: float) -> None:
    truth = recording.source.truth(seq)
    for object_id, estimate in estimates.items():
        if object_id in truth:
            share_s = frame_s / len(estimates)
            recording.steps.append(Step(object_id, seq, truth[object_id], estimate, share_s))
