"""Words to rows: what each event becomes in the tables."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import BadMessage, Estimate, Job, PoseEvent, SeqRange, StatusEvent, Symmetries

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Value = str | int | float | datetime | Sequence[float] | Mapping[str, object] | None
Row = tuple[Value, ...]
"""Values in the order of the columns below."""

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


@dataclass(frozen=True, slots=True)
class EventRows:
    """One pose event as rows.

    Attributes:
        event: Of ``pose_events``, as ``EVENT_COLUMNS``.
        objects: Of ``object_poses``, as ``OBJECT_COLUMNS``.
    """

    event: Row
    objects: tuple[Row, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """(captured_at, job, run, seq) as COPY writes them: equal for every redelivery."""
        return tuple(map(_copy_field, self.event[:4]))


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """Where a record lies in Kafka; ``topic_id`` differs when a topic is made anew under its old name."""

    topic_id: str
    topic: str
    partition: int
    offset: int


def event_rows(event: PoseEvent) -> EventRows:
    """The rows of an event.

    Raises:
        BadMessage: It holds what Postgres cannot: a NUL character, or a stage time that is not finite.
    """
    key: Row = (captured_at(event.captured_ns), _text("job_id", event.job_id), _text("run_id", event.run_id), event.seq)
    about = [
        _text(name, getattr(event, name))
        for name in ("estimator", "estimator_version", "weights_digest", "frame_of_reference", "traceparent")
    ]
    times = (event.captured_ns, event.published_ns, event.produced_ns)
    later = (event.received_ns, event.started_ns, _text("capture_clock", event.capture_clock))
    row = (*key, *times, *about, _stages(event.stage_s), *_range(event.skipped), *later)
    objects = [(*key, *_object_row(name, estimate)) for name, estimate in event.estimates.items()]
    return EventRows(row, tuple(objects))


def status_row(event: StatusEvent, place: RecordPlace) -> Row:
    """The row of a status event.

    Raises:
        BadMessage: A text holds a NUL character.
    """
    texts = (_text("job_id", event.job_id), _text("run_id", event.run_id))
    said = (_text("status", event.status), _text("reason", event.reason))
    where = (place.topic_id, place.partition, place.offset)
    return (*where, *texts, event.kind.value, event.at_ns, *said, *_range(event.frames))


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


def captured_at(captured_ns: int) -> datetime:
    """The capture time in UTC, rounded down to microseconds."""
    return _EPOCH + timedelta(microseconds=captured_ns // 1000)


def copy_line(row: Row) -> str:
    """A row in the text format of Postgres's COPY, with its line end."""
    return "\t".join(map(_copy_field, row)) + "\n"


def _object_row(name: str, estimate: Estimate) -> Row:
    pose = estimate.cam_from_obj
    rotation = None if pose is None else pose.rotation.ravel().tolist()
    translation = None if pose is None else pose.translation_m.tolist()
    covariance = None if estimate.covariance is None else estimate.covariance.ravel().tolist()
    return (_text("object_id", name), estimate.state.value, estimate.score, rotation, translation, covariance)


def _range(frames: SeqRange | None) -> tuple[int | None, int | None]:
    return (None, None) if frames is None else (frames.first, frames.last)


def _stages(stage_s: Mapping[str, float]) -> Mapping[str, object]:
    for name, seconds in stage_s.items():
        _text("stage_s", name)
        if not math.isfinite(seconds):
            reason = f"stage_s: expected finite seconds, got {name}={seconds}"
            raise BadMessage(reason, "store")
    return dict(stage_s)


def _text(name: str, value: str) -> str:
    if "\0" in value:
        reason = f"{name}: expected text without NUL characters, got {value[:80]!r}"
        raise BadMessage(reason, "store")
    return value


def _copy_field(value: Value) -> str:
    return _WRITTEN[type(value)](value)


def _json(value: Mapping[str, object]) -> str:
    return _escaped(json.dumps(value, allow_nan=False))


def _array(value: Sequence[float]) -> str:
    return "{" + ",".join(map(repr, value)) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


# by the very type: asking for Mapping or Sequence takes a microsecond a field, half of all that a row costs
_WRITTEN: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: r"\N",
    str: _escaped,
    int: repr,
    float: repr,
    datetime: datetime.isoformat,
    list: _array,
    tuple: _array,
    dict: _json,
}
