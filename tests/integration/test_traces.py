"""One trace from a frame to its row, in spans and in headers."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consumers.broker import Partition
from consumers.kafka import KafkaBroker
from posestream.stack import Addresses
from schemas.codec import Codec
from schemas.event import PoseEvent
from schemas.topics import DEFAULT_PARTITIONS, POSES, TRACKS, frames_topic
from schemas.track import Track
from tests.integration.databases import new_database

pytestmark = pytest.mark.integration

FRAMES = 8
SCRIPT = Path(__file__).with_name("traced_pipeline.py")


@pytest.fixture
def database(stack: Addresses) -> Iterator[str]:
    with new_database(stack, "traces") as address:
        yield address


def headers(stack: Addresses, topic: str, job: str) -> list[tuple[bytes | None, str]]:
    """Values and trace ids of a job's records, without the tombstone that ends its track."""
    reader = KafkaBroker(stack.kafka).reader()
    try:
        found = reader.read_to_end({Partition(topic, number): None for number in range(DEFAULT_PARTITIONS)}, 30)
    finally:
        reader.close()
    mine = [one for one in found if one.key == job.encode() and one.value is not None]
    return [(one.value, dict(one.headers)["traceparent"].decode()) for one in mine]


def test_one_trace_goes_from_the_frame_to_its_row(stack: Addresses, database: str) -> None:
    pool = f"t{uuid.uuid4().hex[:8]}"
    environment = os.environ | stack.as_environment() | {"POSESTREAM_DATABASE": database}
    environment["PYTHONPATH"] = str(SCRIPT.parents[2])
    command = [sys.executable, str(SCRIPT), pool, str(FRAMES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    spans: dict[str, list[dict[str, Any]]] = {}
    for span in told["spans"]:
        spans.setdefault(span["trace"], []).append(span)
    of_frames = {trace for _, trace in headers(stack, frames_topic(pool), pool)}
    assert len(of_frames) == FRAMES
    assert {trace[3:35] for trace in of_frames} <= spans.keys()  # the sink stores what other tests left, too
    for seq, traceparent in told["rows"]:
        assert traceparent in of_frames
        check_way(spans[traceparent[3:35]], seq)
    assert [seq for seq, _ in told["rows"]] == list(range(FRAMES))
    codec = Codec(stack.registry)
    sends = {(span["trace"], span["id"]) for span in told["spans"] if span["name"] == f"send {POSES}"}
    for value, trace in headers(stack, POSES, pool):
        assert (trace[3:35], trace[36:52]) in sends
        assert codec.decode(value or b"", PoseEvent).traceparent[3:35] == trace[3:35]
    by_seq = dict(told["rows"])
    tracks = headers(stack, TRACKS, pool)
    assert tracks
    for value, trace in tracks:
        assert trace == by_seq[codec.decode(value or b"", Track).seq]


def check_way(spans: list[dict[str, Any]], seq: int) -> None:
    """The spans of one frame: each under the one that it follows from, in the order of time."""
    by_name = {span["name"].split("frames.")[0]: span for span in spans}
    names = ("send ", "process frame", "estimate chain", "send poses", "store pose_events")
    assert sorted(by_name) == sorted(names)
    assert len(spans) == len(names)
    produce, process, estimate, send, store = (by_name[name] for name in names)
    assert produce["parent"] is None
    assert process["parent"] == produce["id"]
    assert estimate["parent"] == send["parent"] == process["id"]
    assert store["parent"] == send["id"]
    assert [span["kind"] for span in (produce, process, estimate, send, store)] == [
        *("PRODUCER", "CONSUMER", "INTERNAL", "PRODUCER", "CONSUMER")
    ]
    assert {span["seq"] for span in (produce, process, store)} == {seq}
    times = [produce["start_ns"], process["start_ns"], estimate["start_ns"], estimate["end_ns"], send["end_ns"]]
    assert times == sorted(times)
    assert store["end_ns"] >= send["start_ns"]


def test_an_exporter_of_the_environment_gets_the_spans_and_one_that_is_not_there_is_said(
    stack: Addresses, database: str
) -> None:
    environment = os.environ | stack.as_environment() | {"POSESTREAM_DATABASE": database}
    job = f"t{uuid.uuid4().hex[:8]}"
    source = "synthetic:?frames=3&size=160x120"

    def posestream(*arguments: str, exporter: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "posestream", *arguments]
        with_it = environment | {"OTEL_TRACES_EXPORTER": exporter, "OTEL_SERVICE_NAME": "hall-3"}
        return subprocess.run(command, env=with_it, capture_output=True, text=True, check=False, timeout=120)

    assert posestream("job", "create", job, "--source", source, exporter="none").returncode == 0
    done = posestream("produce", job, source, "--rate", "0", exporter="console")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"name": "send frames.default"') == 3
    assert done.stdout.count('"service.name": "hall-3"') == 3
    done = posestream("job", "remove", job, exporter="nosuch")
    assert done.returncode == 1
    assert "OTEL_TRACES_EXPORTER=nosuch: expected one of console" in done.stderr
    assert posestream("job", "remove", job, exporter="none").returncode == 0
