"""Words to rows: what each event becomes in the tables, as Postgres's COPY reads it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from schemas import BadMessage, Job, StatusEvent, Symmetries
from schemas.records.common import Avro
from sink import binary_copy as copy

EVENT_COLUMNS = (
    *("captured_at", "job_id", "run_id", "seq", "captured_ns", "published_ns", "produced_ns"),
    *("estimator", "estimator_version", "weights_digest", "frame_of_reference", "traceparent"),
    *("stage_s", "skipped_first", "skipped_last", "received_ns", "started_ns", "capture_clock"),
)
OBJECT_COLUMNS = (
    *("captured_at", "job_id", "run_id", "seq", "object_id"),
    *("state", "score", "rotation", "translation_m", "covariance"),
)
STATUS_COLUMNS = (
    *("topic_id", "partition", "record_offset", "job_id", "run_id", "kind"),
    *("at_ns", "status", "reason", "first_seq", "last_seq"),
)
_ABOUT = ("estimator", "estimator_version", "weights_digest", "frame_of_reference", "traceparent")
_SHORT = 50  # characters; a traceparent is longer, and differs from event to event


@dataclass(frozen=True, slots=True)
class EventRows:
    """One pose event as rows; see ``sink.binary_copy.row``.

    Attributes:
        key: (captured_at, job, run, seq) as COPY reads them: equal for every redelivery.
        event: Of ``pose_events``, as ``EVENT_COLUMNS``.
        objects: All of ``object_poses``, joined, each as ``OBJECT_COLUMNS``.
    """

    key: bytes
    event: bytes
    objects: bytes


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """Where a record lies in Kafka; ``topic_id`` differs when a topic is made anew under its old name."""

    topic_id: str
    topic: str
    partition: int
    offset: int


def event_rows(event: Avro) -> EventRows:
    """The rows of a pose event.

    Args:
        event: As ``schemas.codec.Codec.decode_event_record`` gives it; a ``PoseEvent`` would hold the same, but
            making one costs more than all that is done here.

    Raises:
        BadMessage: It holds what Postgres cannot: a NUL character, or a stage time that is not finite.
    """
    captured_ns = event["captured_ns"]
    names = (_text("job_id", event["job_id"]), _text("run_id", event["run_id"]))
    key = b"".join((copy.timestamptz(captured_ns), *names, copy.bigint(event["seq"])))
    row = copy.row(
        len(EVENT_COLUMNS),
        key,
        *map(copy.bigint, (captured_ns, event["published_ns"], event["produced_ns"])),
        *[_text(name, event[name]) for name in _ABOUT],
        _stages(event["stage_s"]),
        *_range(event["skipped"]),
        *(copy.bigint(event["received_ns"]), copy.bigint(event["started_ns"])),
        _text("capture_clock", event["capture_clock"]),
    )
    return EventRows(key, row, b"".join([_object_row(key, *item) for item in event["estimates"].items()]))


def status_row(event: StatusEvent, place: RecordPlace) -> bytes:
    """The row of a status event, as ``STATUS_COLUMNS``; see ``sink.binary_copy.row``.

    Raises:
        BadMessage: A text holds a NUL character.
    """
    frames = None if event.frames is None else {"first": event.frames.first, "last": event.frames.last}
    return copy.row(
        len(STATUS_COLUMNS),
        *(copy.text(place.topic_id), copy.integer(place.partition), copy.bigint(place.offset)),
        *(_text("job_id", event.job_id), _text("run_id", event.run_id), copy.text(event.kind.value)),
        *(copy.bigint(event.at_ns), _text("status", event.status), _text("reason", event.reason)),
        *_range(frames),
    )


def check_job(job: Job) -> None:
    """Raise BadMessage where a job's texts hold what Postgres cannot."""
    _text("estimator", job.estimator)
    for name, value in job.options.items():
        _text("options", name + value)
    for item in job.objects:
        _text("model_uri", item.model_uri)


def symmetries_json(symmetries: Symmetries) -> dict[str, object]:
    """As the ``objects`` table keeps them; see ``sink.models.ObjectRow``."""
    axes = [{"axis": one.axis.tolist(), "offset_m": one.offset_m.tolist()} for one in symmetries.continuous]
    return {"discrete": [matrix.ravel().tolist() for matrix in symmetries.discrete], "continuous": axes}


def _object_row(key: bytes, name: str, estimate: Avro) -> bytes:
    return copy.row(
        len(OBJECT_COLUMNS),
        *(key, _text("object_id", name), copy.text(estimate["state"]), copy.double(estimate["score"])),
        *(copy.doubles(estimate["rotation"]), copy.doubles(estimate["translation_m"])),
        copy.doubles(estimate["covariance"]),
    )


def _range(frames: Avro | None) -> tuple[bytes, bytes]:
    return (copy.NULL, copy.NULL) if frames is None else (copy.bigint(frames["first"]), copy.bigint(frames["last"]))


def _stages(stage_s: Mapping[str, float]) -> bytes:
    for name, seconds in stage_s.items():
        _text("stage_s", name)
        if not math.isfinite(seconds):
            reason = f"stage_s: expected finite seconds, got {name}={seconds}"
            raise BadMessage(reason, "store")
    return copy.jsonb(stage_s)


def _text(name: str, value: str) -> bytes:
    # nearly all texts of a stream's events are those of the event before
    return _short_text(name, value) if len(value) <= _SHORT else _checked_text(name, value)


@lru_cache(maxsize=4096)
def _short_text(name: str, value: str) -> bytes:
    return _checked_text(name, value)


def _checked_text(name: str, value: str) -> bytes:
    if "\0" in value:
        reason = f"{name}: expected text without NUL characters, got {value[:80]!r}"
        raise BadMessage(reason, "store")
    return copy.text(value)
