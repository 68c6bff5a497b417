"""``PoseEvent`` and ``Track`` as records."""

from schemas.event import PoseEvent
from schemas.records.common import Avro, estimates_from, estimates_to, is_range, is_sound, range_from, range_to
from schemas.track import Track

_SAME = (
    *("job_id", "run_id", "seq", "captured_ns", "published_ns", "produced_ns"),
    *("estimator", "estimator_version", "weights_digest", "frame_of_reference", "traceparent"),
)
_SINCE = ("received_ns", "started_ns", "capture_clock")
"""Not in events of older recordings."""

_TRACK_SAME = ("job_id", "run_id", "seq", "owner_epoch", "prompt_offset")


def event_to(event: PoseEvent) -> Avro:
    """The record of an event; memory is left out."""
    return {name: getattr(event, name) for name in (*_SAME, *_SINCE)} | {
        "estimates": estimates_to(event.estimates, memory=False),
        "stage_s": dict(event.stage_s),
        "skipped": range_to(event.skipped),
    }


def event_from(record: Avro) -> PoseEvent:
    """The event of a record."""
    return PoseEvent(
        **{name: record[name] for name in _SAME},
        **{name: record[name] for name in _SINCE if name in record},
        estimates=estimates_from(record["estimates"]),
        stage_s=record["stage_s"],
        skipped=range_from(record["skipped"]),
    )


def checked_event(record: Avro) -> Avro:
    """The record of an event as it is, where ``event_from`` would take it.

    Raises:
        ValueError: What ``event_from`` raises.
    """
    frames = record["skipped"]
    if not (all(map(is_sound, record["estimates"].values())) and (frames is None or is_range(frames))):
        event_from(record)  # it knows the reason
    return record


def track_to(track: Track) -> Avro:
    """The record of a track, memory included."""
    same = {name: getattr(track, name) for name in _TRACK_SAME}
    return same | {"estimates": estimates_to(track.estimates, memory=True)}


def track_from(record: Avro) -> Track:
    """The track of a record."""
    return Track(**{name: record[name] for name in _TRACK_SAME}, estimates=estimates_from(record["estimates"]))
