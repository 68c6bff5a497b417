"""A source through the publisher to a real broker: complete, in order, resumable, and honest about drops."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from consumers.book import JobBook, JobExists, NoSuchJob
from consumers.broker import Partition, Record
from consumers.kafka import KafkaBroker
from posestream.stack import Addresses
from producers.client import JobClient
from producers.publish import FramePublisher
from producers.resume import unfinished_run
from producers.service import ProduceReport, produce
from producers.settings import ProduceSettings
from producers.sources.open import open_source
from schemas import Frame, Job, Mode, SeqRange, StatusEvent, StatusKind
from schemas.codec import Codec
from schemas.event import END_OF_STREAM, START_OF_STREAM
from schemas.images import FrameEncoding
from schemas.topics import DEFAULT_PARTITIONS, STATUS, frames_topic, specs

pytestmark = pytest.mark.integration

SOURCE = "synthetic:?frames=30&size=160x120"


@pytest.fixture
def broker(stack: Addresses) -> KafkaBroker:
    broker = KafkaBroker(stack.kafka)
    broker.ensure_topics(specs(["default"], DEFAULT_PARTITIONS))
    return broker


@pytest.fixture
def codec(stack: Addresses) -> Codec:
    return Codec(stack.registry)


@pytest.fixture
def job(broker: KafkaBroker, codec: Codec) -> Iterator[Job]:
    book = JobBook(broker, codec, DEFAULT_PARTITIONS)
    job = book.create(Job(f"produce-{uuid.uuid4().hex[:8]}", open_source(SOURCE).objects))
    yield job
    book.remove(job.id)


def run(
    stack: Addresses, job: Job, source: str = SOURCE, stop: Event | None = None, **settings: object
) -> ProduceReport:
    chosen = ProduceSettings(kafka=stack.kafka, registry=stack.registry, rate=0.0, **settings)  # type: ignore[arg-type]
    return produce(chosen, job, open_source(source), stop or Event())


def records(broker: KafkaBroker, topic: str, job: Job) -> list[Record]:
    reader = broker.reader()
    try:
        found = reader.read_to_end({Partition(topic, job.partition): None}, 30)
    finally:
        reader.close()
    return [record for record in found if record.key == job.id.encode()]


def frames(broker: KafkaBroker, codec: Codec, job: Job) -> list[Frame]:
    return [codec.decode(record.value or b"", Frame) for record in records(broker, frames_topic(job.pool), job)]


def statuses(broker: KafkaBroker, codec: Codec, job: Job) -> list[StatusEvent]:
    return [codec.decode(record.value or b"", StatusEvent) for record in records(broker, STATUS, job)]


def test_every_frame_arrives_in_order_as_it_was(stack: Addresses, broker: KafkaBroker, codec: Codec, job: Job) -> None:
    before_ms = time.time() * 1000
    report = run(stack, job, rgb="png")
    assert (report.frames, report.delivered, report.dropped, report.ended) == (30, 30, 0, True)
    found = frames(broker, codec, job)
    assert [(frame.run_id, frame.seq) for frame in found] == [(report.run_id, seq) for seq in range(30)]
    for frame, shot in zip(found, open_source(SOURCE).shots(), strict=True):
        assert (frame.rgb == shot.rgb).all()
        assert frame.depth_m is not None
        assert (frame.depth_m == shot.depth_m).all()
    assert found[0].masks is not None
    raw = records(broker, frames_topic(job.pool), job)
    assert all(record.timestamp_ms >= before_ms - 1 for record in raw)  # the time of publishing
    assert len({dict(record.headers)["traceparent"] for record in raw}) == 30
    said = [one for one in statuses(broker, codec, job) if one.kind is StatusKind.STREAM]
    assert [(one.run_id, one.reason, one.frames) for one in said] == [
        (report.run_id, START_OF_STREAM + SOURCE, None),
        (report.run_id, END_OF_STREAM, SeqRange(0, 29)),
    ]


def test_a_stopped_run_goes_on_and_an_ended_one_begins_anew(
    stack: Addresses, broker: KafkaBroker, codec: Codec, job: Job
) -> None:
    stop = Event()
    settings = ProduceSettings(kafka=stack.kafka, registry=stack.registry, rate=0.0)
    first = produce(settings, job, open_source(SOURCE), stop, lambda done, _: stop.set() if done == 12 else None)
    assert (first.frames, first.ended) == (12, False)
    second = run(stack, job)
    assert (second.run_id, second.first_seq, second.frames, second.ended) == (first.run_id, 12, 18, True)
    assert [frame.seq for frame in frames(broker, codec, job)] == list(range(30))
    third = run(stack, job)
    assert (third.first_seq, third.frames) == (0, 30)
    assert third.run_id != first.run_id


def test_a_killed_producer_goes_on_without_a_hole_or_a_double(
    stack: Addresses, broker: KafkaBroker, codec: Codec, job: Job
) -> None:
    source = "synthetic:?frames=90&size=160x120"
    command = [sys.executable, "-m", "posestream", "produce", job.id, source, "--rate", "30", "--json"]
    environment = os.environ | stack.as_environment()
    killed = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline_s = time.monotonic() + 60
    while (progress := unfinished_run(stack.kafka, codec, job)) is None or progress.next_seq < 20:
        assert time.monotonic() < deadline_s, "the producer published no frame"
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    out = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    report = json.loads(out.stdout)
    assert 20 <= report["first_seq"] < 90
    found = frames(broker, codec, job)
    assert [frame.seq for frame in found] == list(range(90))
    assert {frame.run_id for frame in found} == {report["run_id"]}


def test_a_live_producer_drops_what_has_no_room_and_says_which(
    stack: Addresses, broker: KafkaBroker, codec: Codec, job: Job
) -> None:
    live = replace(job, mode=Mode.LIVE)
    publisher = FramePublisher(JobClient(stack.kafka, live), codec, live, "live", FrameEncoding(), queue_frames=1)
    shot = next(open_source(SOURCE).shots())
    camera = open_source(SOURCE).camera
    for seq in range(40):  # faster than any acknowledgement
        publisher.publish(Frame(job.id, "live", seq, time.time_ns(), camera, shot.rgb, shot.depth_m))
    publisher.settle(30)
    counts = publisher.counts
    assert counts.dropped > 0
    assert counts.delivered + counts.dropped == counts.frames == 40
    arrived = {frame.seq for frame in frames(broker, codec, job)}
    said = [one.frames for one in statuses(broker, codec, job) if one.kind is StatusKind.SKIPPED]
    explained = {seq for span in said if span for seq in range(span.first, span.last + 1)}
    assert len(arrived) == counts.delivered
    assert arrived | explained == set(range(40))
    assert not arrived & explained


def test_a_job_is_placed_where_its_pool_has_the_fewest(broker: KafkaBroker, codec: Codec) -> None:
    book = JobBook(broker, codec, DEFAULT_PARTITIONS)
    pool = f"p{uuid.uuid4().hex[:6]}"
    objects = open_source(SOURCE).objects
    made = [book.create(Job(f"{pool}-{number}", objects, pool=pool)) for number in range(DEFAULT_PARTITIONS + 1)]
    try:
        assert [job.partition for job in made] == [*range(DEFAULT_PARTITIONS), 0]
        with pytest.raises(JobExists, match=f"job {made[0].id}: exists already"):
            book.create(made[0])
        book.remove(made[3].id)
        with pytest.raises(NoSuchJob, match=f"job {made[3].id}: expected one of"):
            book.job(made[3].id)
        again = book.create(Job(f"{pool}-x", objects, pool=pool))
        assert again.partition == 3
        assert book.job(again.id).objects[0].model_uri == objects[0].model_uri
    finally:
        for job in book.jobs().values():
            if job.pool == pool:
                book.remove(job.id)


def test_a_broker_that_is_away_is_said_by_the_command(tmp_path: Path) -> None:
    environment = os.environ | {"POSESTREAM_STACK_DIR": str(tmp_path)}
    out = subprocess.run(
        [sys.executable, "-m", "posestream", "doctor", "--json"],
        env=environment
        | {
            "POSESTREAM_KAFKA": "127.0.0.1:1",
            "POSESTREAM_REGISTRY": "http://127.0.0.1:1",
            "POSESTREAM_DATABASE": "postgresql+psycopg2://u:secret@127.0.0.1:1/x",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert out.returncode == 1
    verdicts = {check["what"]: check["verdict"] for check in json.loads(out.stdout)}
    assert {verdicts[name] for name in ("Kafka", "schema registry", "Postgres")} == {"missing"}
    assert "secret" not in out.stdout


def test_once_leaves_a_run_alone_that_came_to_its_end_and_goes_on_with_one_that_did_not(
    stack: Addresses, job: Job
) -> None:
    stop = Event()
    stop.set()
    begun = run(stack, job, once=True, stop=stop)
    assert not begun.ended
    whole = run(stack, job, once=True)
    assert (whole.ended, whole.run_id) == (True, begun.run_id)
    again = run(stack, job, once=True)
    assert (again.ended, again.run_id, again.frames) == (True, "", 0)
