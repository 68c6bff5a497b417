"""``Job``, ``JobRequest``, ``StatusEvent``, ``Prompt`` and ``Heartbeat`` as records."""

from dataclasses import asdict

from schemas.event import Box, Prompt, StatusEvent, StatusKind
from schemas.heartbeat import EstimatorOffer, Heartbeat, JobProgress, MemberKind
from schemas.images import decode_mask, encode_mask
from schemas.job import ContinuousSymmetry, Job, JobObject, Mode, Symmetries, Wanted
from schemas.records.common import Avro, matrix, numbers, range_from, range_to
from schemas.request import JobRequest, RequestedObject

_JOB_SAME = (
    *("id", "pool", "estimator", "partition", "priority", "deadline_s", "estimator_version"),
    *("retries", "attempt", "source"),
)
_STATUS_SAME = ("job_id", "run_id", "at_ns", "status", "reason")
_OBJECT_SAME = ("object_id", "model_uri", "model_unit_m")
_BEAT_SAME = ("member_id", "pool", "host", "at_ns", "started_ns", "leaving")


def job_to(job: Job) -> Avro:
    """The record of a job."""
    return {name: getattr(job, name) for name in _JOB_SAME} | {
        "objects": [object_to(item) for item in job.objects],
        "mode": job.mode.value,
        "wanted": job.wanted.value,
        "options": dict(job.options),
    }


def job_from(record: Avro) -> Job:
    """The job of a record."""
    return Job(
        **{name: record[name] for name in _JOB_SAME},
        objects=tuple(object_from(item) for item in record["objects"]),
        mode=Mode(record["mode"]),
        wanted=Wanted(record["wanted"]),
        options=record["options"],
    )


def status_to(event: StatusEvent) -> Avro:
    """The record of a status event."""
    same = {name: getattr(event, name) for name in _STATUS_SAME}
    return same | {"kind": event.kind.value, "frames": range_to(event.frames)}


def status_from(record: Avro) -> StatusEvent:
    """The status event of a record."""
    same = {name: record[name] for name in _STATUS_SAME}
    return StatusEvent(**same, kind=StatusKind(record["kind"]), frames=range_from(record["frames"]))


def prompt_to(prompt: Prompt) -> Avro:
    """The record of a prompt."""
    return {
        "job_id": prompt.job_id,
        "run_id": prompt.run_id,
        "object_id": prompt.object_id,
        "box": None if prompt.box is None else asdict(prompt.box),
        "mask": None if prompt.mask is None else encode_mask(prompt.mask),
        "reset": prompt.reset,
    }


def prompt_from(record: Avro) -> Prompt:
    """The prompt of a record."""
    box, mask = record["box"], record["mask"]
    return Prompt(
        record["job_id"],
        record["run_id"],
        record["object_id"],
        None if box is None else Box(**box),
        None if mask is None else decode_mask(mask),
        record["reset"],
    )


def beat_to(beat: Heartbeat) -> Avro:
    """The record of a heartbeat."""
    same = {name: getattr(beat, name) for name in _BEAT_SAME}
    lists = {"jobs": [asdict(one) for one in beat.jobs], "estimators": [asdict(one) for one in beat.estimators]}
    return same | lists | {"kind": beat.kind.value}


def beat_from(record: Avro) -> Heartbeat:
    """The heartbeat of a record."""
    same = {name: record[name] for name in _BEAT_SAME}
    jobs = tuple(JobProgress(**one) for one in record["jobs"])
    estimators = tuple(EstimatorOffer(**one) for one in record["estimators"])
    return Heartbeat(**same, kind=MemberKind(record["kind"]), jobs=jobs, estimators=estimators)


def object_to(item: JobObject) -> Avro:
    """The record of an object of a job."""
    axes = [{"axis": numbers(one.axis), "offset_m": numbers(one.offset_m)} for one in item.symmetries.continuous]
    discrete = [numbers(one) for one in item.symmetries.discrete]
    return {name: getattr(item, name) for name in _OBJECT_SAME} | {"discrete": discrete, "continuous": axes}


def object_from(record: Avro) -> JobObject:
    """The object of a record."""
    axes = [
        ContinuousSymmetry(matrix(one["axis"], (3,)), matrix(one["offset_m"], (3,))) for one in record["continuous"]
    ]
    discrete = tuple(matrix(one, (4, 4)) for one in record["discrete"])
    return JobObject(**{name: record[name] for name in _OBJECT_SAME}, symmetries=Symmetries(discrete, tuple(axes)))


def request_to(request: JobRequest) -> Avro:
    """The record of a request for a job."""
    return asdict(request)


def request_from(record: Avro) -> JobRequest:
    """The request of a record."""
    same = {name: value for name, value in record.items() if name != "objects"}
    return JobRequest(**same, objects=tuple(RequestedObject(**one) for one in record["objects"]))
