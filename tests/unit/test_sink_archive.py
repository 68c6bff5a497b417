"""Frames of the past come with the poses that were found in them, and only those that are asked for."""

import json
import struct
from collections.abc import Iterator

import numpy as np
import pytest

from consumers.broker import Partition, PartitionReader
from consumers.memory import MemoryBroker
from schemas import Camera, Estimate, Frame, Overloaded, Pose, PoseEvent, State
from schemas.codec import Codec
from schemas.topics import frames_topic, specs
from sink.notifier import archive as under_test
from sink.notifier.archive import Archive
from sink.queries import JobView

CAMERA = Camera(16, 12, 20.0, 20.0, 8.0, 6.0)
TOPIC = frames_topic("default")
JOB = JobView("a", "default", "geometric", "all", 1, 0, "processing", "", False, ())


class Stream:
    """Frames of two jobs in one partition, published 100 ms apart, and their pose events."""

    def __init__(self) -> None:
        self.now_ms = 1_800_000_000_000
        self.broker, self.codec = MemoryBroker(clock=lambda: self.now_ms / 1000), Codec("mock://archive")
        self.broker.ensure_topics(specs(["default"], 2))
        self.events: list[PoseEvent] = []

    def publish(self, count: int, job_id: str = "a", run: str = "r") -> None:
        producer = self.broker.producer()
        for seq in range(count):
            self.now_ms += 100
            rgb = np.full((12, 16, 3), 10 * seq, np.uint8)
            frame = Frame(job_id, run, seq, seq * 1000, CAMERA, rgb)
            producer.send(Partition(TOPIC, 1), job_id.encode(), self.codec.encode(TOPIC, frame))
            seen = {"mug": Estimate(Pose(np.eye(3), np.array([0.0, 0.0, 1.0 + seq])), 0.9, State.TRACKED)}
            published_ns = self.now_ms * 1_000_000
            times = (seq * 1000, published_ns, published_ns + 5)
            self.events.append(PoseEvent(job_id, run, seq, *times, "geometric", "1", "", seen))
        producer.flush(5)


def messages(data: bytes) -> Iterator[dict[str, object]]:
    """The headers of an answer."""
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        (header,) = struct.unpack_from("<I", data, at + 4)
        yield json.loads(data[at + 8 : at + 8 + header])
        assert data[at + 8 + header : at + 10 + header] == b"\xff\xd8", "expected a JPEG behind the header"
        at += 4 + length


def test_frames_come_with_their_own_poses_and_nothing_of_others() -> None:
    stream = Stream()
    for job_id, run in (("b", "r"), ("a", "old"), ("a", "r"), ("b", "r2")):
        stream.publish(6, job_id, run)
    wanted = [one for one in stream.events if (one.job_id, one.run_id) == ("a", "r")][2:5]
    found = list(messages(Archive(stream.broker, stream.codec).frames(JOB, wanted)))
    assert [(one["job"], one["run"], one["seq"]) for one in found] == [("a", "r", seq) for seq in (2, 3, 4)]
    for one in found:
        assert one["pose"]["seq"] == one["seq"]  # type: ignore[index]
        assert one["pose"]["objects"]["mug"]["translation_m"][2] == 1.0 + one["seq"]  # type: ignore[index,operator]


def test_of_frames_that_are_gone_there_is_nothing() -> None:
    stream = Stream()
    stream.publish(3)
    gone = [PoseEvent("a", "gone", 0, 0, 1_700_000_000_000_000_000, 2, "geometric", "1", "", {})]
    archive = Archive(stream.broker, stream.codec)
    assert archive.frames(JOB, gone) == b""
    assert archive.frames(JOB, []) == b""


def test_what_is_no_frame_is_passed_over() -> None:
    stream = Stream()
    producer = stream.broker.producer()
    producer.send(Partition(TOPIC, 1), b"a", b"no frame")
    producer.flush(5)
    stream.publish(2)
    assert len(list(messages(Archive(stream.broker, stream.codec).frames(JOB, stream.events)))) == 2


def test_a_broker_that_gives_nothing_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream()
    stream.publish(2)
    reader = type(stream.broker.reader())

    def nothing(_: PartitionReader, timeout_s: float) -> list[object]:
        clock[0] += timeout_s
        return []

    clock = [0.0]
    monkeypatch.setattr(reader, "read", nothing)
    with pytest.raises(Overloaded, match="within 10 s"):
        Archive(stream.broker, stream.codec, lambda: clock[0]).frames(JOB, stream.events)


def test_only_so_many_look_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream()
    stream.publish(1)
    archive = Archive(stream.broker, stream.codec)
    monkeypatch.setattr(under_test, "_WAIT_S", 0.01)
    for _ in range(4):
        archive._readers.acquire()
    with pytest.raises(Overloaded, match="4 look at frames"):
        archive.frames(JOB, stream.events)
    archive._readers.release()
    assert archive.frames(JOB, stream.events)
