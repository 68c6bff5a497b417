"""A stream recorded from a real broker, played and replayed: the same bytes, and what a kill or a full disk leaves."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from consumers.book import JobBook
from consumers.broker import Partition, Record
from consumers.kafka import KafkaBroker
from posestream.stack import Addresses
from producers.archive.reader import Recording
from producers.service import ProduceReport, produce
from producers.settings import ProduceSettings
from producers.sources.open import open_source
from schemas import Estimate, Job, PoseEvent, State
from schemas.codec import Codec, FrameHeader
from schemas.topics import DEFAULT_PARTITIONS, POSES, frames_topic, specs

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
def book(broker: KafkaBroker, codec: Codec) -> Iterator[JobBook]:
    book = JobBook(broker, codec, DEFAULT_PARTITIONS)
    before = set(book.jobs())
    yield book
    for job_id in set(book.jobs()) - before:
        book.remove(job_id)


@pytest.fixture
def job(book: JobBook) -> Job:
    return book.create(Job(f"archive-{uuid.uuid4().hex[:8]}", open_source(SOURCE).objects))


def play(stack: Addresses, job: Job, source: str = SOURCE, rate: float = 0.0) -> ProduceReport:
    settings = ProduceSettings(kafka=stack.kafka, registry=stack.registry, rate=rate, new_run=True)
    return produce(settings, job, open_source(source), Event())


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "posestream", *map(str, arguments)]


def posestream(stack: Addresses, *arguments: str | Path) -> dict[str, object]:
    """What a command prints with ``--json``; it must succeed."""
    done = subprocess.run(
        command(*arguments, "--json"),
        env=os.environ | stack.as_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def records(broker: KafkaBroker, job: Job) -> list[Record]:
    reader = broker.reader()
    try:
        found = reader.read_to_end({Partition(frames_topic(job.pool), job.partition): None}, 30)
    finally:
        reader.close()
    return [record for record in found if record.key == job.id.encode()]


def headers(broker: KafkaBroker, codec: Codec, job: Job) -> list[FrameHeader]:
    return [codec.decode_frame_header(record.value or b"") for record in records(broker, job)]


def same_pictures(found: list[FrameHeader], expected: list[FrameHeader]) -> bool:
    """Colour, depth and masks byte for byte, intrinsics and times of capture."""
    kept = [[(one.pictures, one.camera, one.captured_ns) for one in frames] for frames in (found, expected)]
    return kept[0] == kept[1]


def test_a_recording_is_played_as_it_was(
    stack: Addresses, broker: KafkaBroker, codec: Codec, book: JobBook, job: Job, tmp_path: Path
) -> None:
    play(stack, job)  # an older run, which is not meant
    first = play(stack, job)
    estimates = {"carton": Estimate(None, 0.0, State.LOST)}
    now_ns = time.time_ns()
    event = PoseEvent(job.id, first.run_id, 3, now_ns, now_ns, now_ns, "geometric", "1", "", estimates)
    producer = broker.producer()
    producer.send(Partition(POSES, job.partition), job.id.encode(), codec.encode(POSES, event))
    producer.flush(10)
    to = tmp_path / "a.mcap"
    report = posestream(stack, "record", job.id, "--to", to)
    said = {name: report[name] for name in ("run_id", "frames", "missing", "damaged", "pose_events")}
    assert said == {"run_id": first.run_id, "frames": 30, "missing": 0, "damaged": 0, "pose_events": 1}
    assert report["size_bytes"] == to.stat().st_size
    assert [one.event_id for one in Recording(to).pose_events()] == [event.event_id]

    again = book.create(Job(f"{job.id}-again", open_source(f"mcap:{to}").objects))
    played = posestream(stack, "produce", again.id, f"mcap:{to}", "--rate", "0")
    assert (played["delivered"], played["dropped"], played["ended"]) == (30, 0, True)
    sent = [one for one in headers(broker, codec, job) if one.run_id == first.run_id]
    back = headers(broker, codec, again)
    assert same_pictures(back, sent)
    assert [one.seq for one in back] == list(range(30))
    assert {one.run_id for one in back} == {played["run_id"]}
    assert back[0].pictures.masks is not None
    assert [(item.object_id, item.model_uri) for item in again.objects] == [
        (item.object_id, item.model_uri) for item in job.objects
    ]


def test_a_part_is_recorded_by_time_of_capture(
    stack: Addresses, broker: KafkaBroker, codec: Codec, job: Job, tmp_path: Path
) -> None:
    play(stack, job)
    sent = headers(broker, codec, job)
    times = [f"{one.captured_ns // 10**9}.{one.captured_ns % 10**9:09d}" for one in sent]
    to = tmp_path / "a.mcap"
    posestream(stack, "record", job.id, "--to", to, "--from", times[5], "--to-time", times[12])
    assert [one.seq for one in Recording(to).frames()] == list(range(5, 12))


def test_a_recorder_that_is_killed_leaves_what_can_be_played(
    stack: Addresses, broker: KafkaBroker, codec: Codec, job: Job, tmp_path: Path
) -> None:
    source = "synthetic:?frames=40&size=640x480"  # a frame is a chunk
    play(stack, job, source)
    to = tmp_path / "a.mcap"
    environment = os.environ | stack.as_environment()
    follower = command("record", job.id, "--to", to, "--follow")
    killed = subprocess.Popen(follower, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline_s = time.monotonic() + 60
    while not to.exists() or to.stat().st_size < 2_000_000:
        assert time.monotonic() < deadline_s, "nothing was recorded"
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    found = list(Recording(to).frames())
    assert found
    assert open_source(f"mcap:{to}").frame_count == len(found)
    sent = headers(broker, codec, job)
    assert [one.pictures() for one in found] == [one.pictures for one in sent[: len(found)]]


def test_a_recorder_that_follows_ends_whole_when_it_is_told_to(stack: Addresses, job: Job, tmp_path: Path) -> None:
    to = tmp_path / "a.mcap"
    environment = os.environ | stack.as_environment()
    follower = command("record", job.id, "--to", to, "--follow", "--json")
    with subprocess.Popen(follower, env=environment, stdout=subprocess.PIPE, text=True) as recorder:
        report = play(stack, job, rate=30.0)
        deadline_s = time.monotonic() + 30
        while not to.exists():
            assert time.monotonic() < deadline_s, "the recorder did not see the run"
            time.sleep(0.05)
        recorder.send_signal(signal.SIGTERM)
        said = json.loads(recorder.communicate(timeout=30)[0])
    assert (said["run_id"], said["frames"], said["missing"]) == (report.run_id, 30, 0)
    assert len(list(Recording(to).frames())) == 30


def test_a_full_disk_is_said_and_leaves_no_half_frame(
    stack: Addresses, broker: KafkaBroker, codec: Codec, job: Job, tmp_path: Path
) -> None:
    play(stack, job, "synthetic:?frames=20&size=640x480")
    to = tmp_path / "a.mcap"

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))

    done = subprocess.run(
        command("record", job.id, "--to", to),
        env=os.environ | stack.as_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        preexec_fn=limited,
    )
    assert done.returncode == 1
    assert "more bytes cannot be written: File too large" in done.stderr
    assert "can be played" in done.stderr
    assert "Traceback" not in done.stderr
    found = list(Recording(to).frames())
    assert 0 < len(found) < 20
    sent = headers(broker, codec, job)
    assert [one.pictures() for one in found] == [one.pictures for one in sent[: len(found)]]
    assert to.stat().st_size <= 2_000_000


def late_s(records: list[Record], frames: list[FrameHeader], speed: float) -> list[float]:
    """How much later than the most punctual one each frame was published, by the spacing of the captures; sorted."""
    off = [
        record.timestamp_ms / 1e3 - (frame.captured_ns - frames[0].captured_ns) * 1e-9 / speed
        for record, frame in zip(records, frames, strict=True)
    ]
    return sorted(one - min(off) for one in off)


@pytest.mark.parametrize("speed", [1, 2])
def test_a_replay_keeps_the_spacing_of_the_captures(
    stack: Addresses, broker: KafkaBroker, codec: Codec, job: Job, speed: int
) -> None:
    play(stack, job, "synthetic:?frames=60&size=160x120", rate=30.0)
    sent = headers(broker, codec, job)
    report = posestream(stack, "replay", job.id, "--as", f"{job.id}-replay", "--speed", str(speed))
    (again,) = [one for one in JobBook(broker, codec, DEFAULT_PARTITIONS).jobs().values() if one.id == report["job_id"]]
    back = headers(broker, codec, again)
    assert same_pictures(back, sent)
    assert {one.run_id for one in back} == {report["run_id"]}
    assert report["run_id"] != sent[0].run_id
    late = late_s(records(broker, again), sent, speed)
    assert late[len(late) // 2] < 0.1  # the median: a busy machine stops anybody for a while, a pace of its own drifts
    length_s = (sent[-1].captured_ns - sent[0].captured_ns) * 1e-9 / speed
    published_ms = [record.timestamp_ms for record in records(broker, again)]
    assert published_ms[-1] - published_ms[0] == pytest.approx(
        1000 * length_s, abs=300
    )  # nothing adds up: 60 steps of 5 ms would be more


def test_a_part_is_replayed_from_kafka_and_from_a_file_alike(
    stack: Addresses, broker: KafkaBroker, codec: Codec, book: JobBook, job: Job, tmp_path: Path
) -> None:
    play(stack, job)
    sent = headers(broker, codec, job)
    since, until = (f"{sent[at].captured_ns // 10**9}.{sent[at].captured_ns % 10**9:09d}" for at in (8, 21))
    posestream(stack, "record", job.id, "--to", tmp_path / "a.mcap")
    span = ("--from", since, "--to", until, "--speed", "max")
    posestream(stack, "replay", job.id, *span, "--as", f"{job.id}-kafka")
    changed = ("--as", f"{job.id}-file", "--estimator", "foundationpose", "--option", "search=full", "--mode", "live")
    posestream(stack, "replay", job.id, *span, "--file", tmp_path / "a.mcap", *changed)
    for name in ("kafka", "file"):
        back = headers(broker, codec, book.job(f"{job.id}-{name}"))
        assert same_pictures(back, sent[8:21])
        assert [one.seq for one in back] == list(range(13))
    from_file = book.job(f"{job.id}-file")
    assert (from_file.estimator, from_file.mode.value, dict(from_file.options)) == (
        "foundationpose",
        "live",
        {"search": "full"},
    )
    assert book.job(f"{job.id}-kafka").mode is job.mode


def test_a_replay_into_its_own_job_is_a_new_run_of_the_frames_that_were_there(
    stack: Addresses, broker: KafkaBroker, codec: Codec, job: Job
) -> None:
    play(stack, job)
    report = posestream(stack, "replay", job.id, "--speed", "max")
    assert (report["job_id"], report["delivered"]) == (job.id, 30)
    both = headers(broker, codec, job)
    assert len(both) == 60  # it does not read what it writes
    assert same_pictures(both[30:], both[:30])
    assert len({one.run_id for one in both}) == 2


def test_a_replay_that_was_killed_goes_on(
    stack: Addresses, broker: KafkaBroker, codec: Codec, book: JobBook, job: Job
) -> None:
    play(stack, job, "synthetic:?frames=60&size=160x120", rate=30.0)
    sent = headers(broker, codec, job)
    arguments = ("replay", job.id, "--as", f"{job.id}-again")
    environment = os.environ | stack.as_environment()
    killed = subprocess.Popen(  # 20 s long: it must not end before it is killed
        command(*arguments, "--speed", "0.1"), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline_s = time.monotonic() + 60
    found: list[FrameHeader] = []
    while len(found) < 15:
        assert time.monotonic() < deadline_s, "the replay published nothing"
        time.sleep(0.05)
        again = book.jobs().get(f"{job.id}-again")
        found = headers(broker, codec, again) if again else []
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    report = posestream(stack, *arguments, "--speed", "max")
    assert int(str(report["first_seq"])) >= 15
    back = headers(broker, codec, book.job(f"{job.id}-again"))
    assert same_pictures(back, sent)
    assert [one.seq for one in back] == list(range(60))


def answers(broker: KafkaBroker, codec: Codec, job: Job, count: int) -> list[PoseEvent]:
    """The first so many answers to a job's frames, waited for."""
    reader, found = broker.reader(), list[PoseEvent]()
    reader.assign({Partition(POSES, job.partition): None})
    deadline_s = time.monotonic() + 120
    while len(found) < count:
        assert time.monotonic() < deadline_s, f"{len(found)} of {count} frames answered"
        mine = (record for record in reader.read(0.2) if record.key == job.id.encode())
        found += [codec.decode(record.value or b"", PoseEvent) for record in mine]
    reader.close()
    return found


def test_a_recording_is_tracked_again_with_the_very_same_poses(
    stack: Addresses, broker: KafkaBroker, codec: Codec, book: JobBook, job: Job, tmp_path: Path
) -> None:
    to = tmp_path / "a.mcap"
    environment = os.environ | stack.as_environment()
    worker = subprocess.Popen(command("track"), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        play(stack, job)
        first = answers(broker, codec, job, 30)
        report = posestream(stack, "record", job.id, "--to", to)
        assert (report["frames"], report["pose_events"]) == (30, 30)
        again = book.create(Job(f"{job.id}-again", open_source(f"mcap:{to}").objects))
        play(stack, again, f"mcap:{to}")
        second = answers(broker, codec, again, 30)
    finally:
        worker.terminate()
        worker.wait(30)
    poses = [[one.estimates["obj_000001"].cam_from_obj for one in events] for events in (first, second)]
    assert sum(pose is not None for pose in poses[0]) == 30
    for one, other in zip(*poses, strict=True):
        assert one is not None
        assert other is not None
        assert (one.matrix() == other.matrix()).all()  # the pixels are the same bytes
    kept = [one.estimates["obj_000001"].cam_from_obj for one in Recording(to).pose_events()]
    assert all(
        a is not None and b is not None and (a.matrix() == b.matrix()).all()
        for a, b in zip(kept, poses[0], strict=True)
    )
