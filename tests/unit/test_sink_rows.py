"""Rows made of Avro records: the values of the event, to the bit, and refused where the event would be."""

import json
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import BadMessage, Estimate, Pose, PoseEvent, SeqRange, State, StatusEvent, StatusKind
from schemas.codec import Codec
from schemas.records.results import checked_event, event_from, event_to
from schemas.topics import POSES
from sink import binary_copy
from sink.rows import EVENT_COLUMNS, OBJECT_COLUMNS, STATUS_COLUMNS, RecordPlace, event_rows, status_row

TURN = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
POSTGRES_EPOCH_US = 946_684_800_000_000  # 2000-01-01 UTC
FLOAT8 = 701  # its number in Postgres's pg_type

finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
counts = st.integers(-(2**62), 2**62)
words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
spans = st.builds(lambda first, more: SeqRange(first, first + more), st.integers(0, 2**40), st.integers(0, 99))
poses = st.builds(lambda x, y, z: Pose(TURN, np.array([x, y, z])), finite, finite, finite)
covariances = st.none() | st.lists(finite, min_size=36, max_size=36).map(lambda values: np.reshape(values, (6, 6)))
estimates = st.builds(Estimate, poses, st.floats(0, 1), st.sampled_from(State), covariances)
lost = st.just(Estimate(None, 0.0, State.LOST))
events = st.builds(
    PoseEvent,
    *(words, words, counts, counts, counts, counts, words, words, words),
    st.dictionaries(words, estimates | lost, max_size=3),
    stage_s=st.dictionaries(words, finite, max_size=3),
    skipped=st.none() | spans,
    frame_of_reference=words,
    traceparent=words,
    received_ns=st.none() | counts,
    started_ns=st.none() | counts,
    capture_clock=words,
)


def fields_of(rows: bytes, count: int) -> Iterator[list[bytes | None]]:
    """The fields of each of some rows, by the format in Postgres's documentation of COPY."""
    at = 0
    while at < len(rows):
        assert struct.unpack_from(">h", rows, at) == (count,)
        at += 2
        fields: list[bytes | None] = []
        for _ in range(count):
            (length,) = struct.unpack_from(">i", rows, at)
            at += 4
            fields.append(None if length < 0 else rows[at : at + length])
            at += max(0, length)
        yield fields


def number(field: bytes | None) -> int | None:
    return None if field is None else int.from_bytes(field, "big", signed=True)


def array(field: bytes | None) -> list[float] | None:
    if field is None:
        return None
    dimensions, nulls, kind, count, first = struct.unpack_from(">5i", field)
    assert (dimensions, nulls, kind, first) == (1, 0, FLOAT8, 1)
    pairs = struct.unpack_from(">" + "id" * count, field, 20)
    assert set(pairs[::2]) == {8}
    return list(pairs[1::2])


def flat(values: np.ndarray | None) -> list[float] | None:
    return None if values is None else values.ravel().tolist()


@settings(deadline=None)  # a busy machine, not the code
@given(events)
def test_rows_hold_the_very_values_of_the_event(event: PoseEvent) -> None:
    rows = event_rows(event_to(event))
    (fields,) = fields_of(rows.event, len(EVENT_COLUMNS))
    found = dict(zip(EVENT_COLUMNS, fields, strict=True))
    assert number(found["captured_at"]) == event.captured_ns // 1000 - POSTGRES_EPOCH_US
    for name in ("seq", "captured_ns", "published_ns", "produced_ns", "received_ns", "started_ns"):
        assert number(found[name]) == getattr(event, name), name
    assert (number(found["skipped_first"]), number(found["skipped_last"])) == (
        (None, None) if event.skipped is None else (event.skipped.first, event.skipped.last)
    )
    texts = ("job_id", "run_id", "estimator", "estimator_version", "weights_digest")
    for name in (*texts, "frame_of_reference", "traceparent", "capture_clock"):
        assert (found[name] or b"").decode() == getattr(event, name), name
    stages = found["stage_s"] or b""
    assert stages[:1] == b"\1"
    assert json.loads(stages[1:]) == event.stage_s
    assert rows.event[2:].startswith(rows.key)
    same_objects(rows.key, rows.objects, event)


def same_objects(key: bytes, rows: bytes, event: PoseEvent) -> None:
    found = list(fields_of(rows, len(OBJECT_COLUMNS)))
    assert len(found) == len(event.estimates)
    for fields, (name, estimate) in zip(found, event.estimates.items(), strict=True):
        assert b"".join(struct.pack(">i", len(field or b"")) + (field or b"") for field in fields[:4]) == key
        assert [(field or b"").decode() for field in fields[4:6]] == [name, estimate.state.value]
        assert struct.unpack(">d", fields[6] or b"") == (estimate.score,)
        pose = estimate.cam_from_obj
        expected = (None, None) if pose is None else (flat(pose.rotation), flat(pose.translation_m))
        assert (*map(array, fields[7:]),) == (*expected, flat(estimate.covariance))


numbers = st.floats() | st.sampled_from([0.0, 1.0, -1.0, 1e200, 1e308])
lists = st.none() | st.lists(numbers, max_size=37) | st.sampled_from([TURN.ravel().tolist(), [0.0] * 36, [1e308] * 3])
records = st.fixed_dictionaries(
    {
        "rotation": lists | st.just(TURN.ravel().tolist()) | st.just((-TURN).ravel().tolist()),
        "translation_m": lists | st.lists(finite, min_size=3, max_size=3),
        "score": st.floats(0, 1) | numbers,
        "state": st.sampled_from([*map(str, State), "seen", ""]),
        "covariance": lists | st.lists(numbers, min_size=36, max_size=36),
    }
)
ranges = st.none() | st.fixed_dictionaries({"first": st.integers(-2, 9), "last": st.integers(-2, 9)})


def outcome(read: Callable[[dict[str, Any]], object], record: dict[str, Any]) -> str:
    try:
        read(record)
    except ValueError as error:
        return str(error)
    return ""


@settings(deadline=None)
@given(events, st.dictionaries(words, records, max_size=2), ranges)
def test_a_record_is_refused_exactly_where_its_event_would_be_and_with_the_same_reason(
    event: PoseEvent, damaged: dict[str, Any], skipped: dict[str, int] | None
) -> None:
    record = event_to(event) | {"skipped": skipped}
    record["estimates"] |= damaged
    assert outcome(checked_event, record) == outcome(event_from, record)


def test_a_record_comes_from_a_message_as_its_event_does_and_so_do_its_faults() -> None:
    codec = Codec("mock://rows")
    estimate = Estimate(Pose(TURN, np.zeros(3)), 0.5, State.TRACKED)
    good = codec.encode(POSES, PoseEvent("job", "run", 0, 1, 2, 3, "e", "1", "", {"mug": estimate}))
    assert codec.decode_event_record(good) == event_to(codec.decode(good, PoseEvent))
    turned = good.replace(TURN.astype("<f8").tobytes(), (-TURN).astype("<f8").tobytes())
    for bad in (turned, good[:-3], good + b"x", b"\7", good[:1] + b"\xff" * 4 + good[5:]):
        reasons: list[str] = []
        for read in (codec.decode_event_record, lambda data: codec.decode(data, PoseEvent)):
            with pytest.raises(BadMessage) as caught:
                read(bad)
            reasons.append(caught.value.reason)
        assert reasons[0] == reasons[1]


@pytest.mark.parametrize("name", ["job_id", "run_id", "estimator", "traceparent", "capture_clock"])
def test_what_postgres_cannot_hold_is_refused_by_name(name: str) -> None:
    record = event_to(PoseEvent("job", "run", 0, 1, 2, 3, "e", "1", "", {}))
    for value in ("a\0b", "a" * 60 + "\0"):
        with pytest.raises(BadMessage, match=f"{name}: expected text without NUL characters"):
            event_rows(record | {name: value})
    with pytest.raises(BadMessage, match="stage_s: expected finite seconds, got track=inf"):
        event_rows(record | {"stage_s": {"track": float("inf")}})


def test_a_status_row_holds_its_values() -> None:
    event = StatusEvent("job", "run", StatusKind.GAP, 7, "", "lost", SeqRange(3, 4))
    (fields,) = fields_of(status_row(event, RecordPlace("id", "status", 6, 2**40)), len(STATUS_COLUMNS))
    found = dict(zip(STATUS_COLUMNS, fields, strict=True))
    assert (found["topic_id"], found["kind"], found["reason"], found["status"]) == (b"id", b"gap", b"lost", b"")
    assert found["partition"] == struct.pack(">i", 6)
    assert [number(found[name]) for name in ("record_offset", "at_ns", "first_seq", "last_seq")] == [2**40, 7, 3, 4]


def test_a_stream_of_rows_has_a_header_and_an_end() -> None:
    assert binary_copy.stream([b"a", b"b"]) == b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"ab" + b"\xff\xff"
