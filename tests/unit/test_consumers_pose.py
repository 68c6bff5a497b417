"""The pose worker on the in-memory broker."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from consumers.broker import Partition
from consumers.loop import Loop, LoopSettings
from consumers.memory import MemoryBroker
from consumers.memory_group import MemoryConsumer
from consumers.metrics import WorkerMetrics
from consumers.pose import PoseHandler
from consumers.settings import WorkerSettings
from consumers.tracks import TrackStore
from schemas import (
    Box,
    Camera,
    Frame,
    Job,
    JobObject,
    JobStatus,
    Mode,
    PoseEvent,
    Prompt,
    SeqRange,
    State,
    StatusEvent,
    StatusKind,
    Track,
)
from schemas.codec import Codec
from schemas.topics import JOBS, POSES, PROMPTS, STATUS, TRACKS, dlq_topic, frames_topic, specs

FRAMES = frames_topic("default")
CAMERA = Camera(16, 12, 10.0, 10.0, 8.0, 6.0)
GROUP = "workers.default"


def fake_worker() -> Any:
    path = Path(__file__).parents[1] / "integration" / "consumers_fake_worker.py"
    spec = importlib.util.spec_from_file_location("consumers_fake_worker", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


ChainEstimator = fake_worker().ChainEstimator


def frame(job_id: str, seq: int, run_id: str = "run", value: int | None = None, mask_px: int = 0) -> Frame:
    """A frame whose colour is its seq unless said otherwise."""
    rgb = np.full((12, 16, 3), seq % 200 if value is None else value, np.uint8)
    mask = np.zeros((12, 16), np.bool_)
    mask.flat[:mask_px] = True
    return Frame(job_id, run_id, seq, seq * 1000, CAMERA, rgb, masks={"cube": mask} if mask_px else None)


class Worker:
    """A worker whose rounds the test drives."""

    def __init__(self, world: "World", **settings: Any) -> None:
        self.estimator = ChainEstimator()
        self.metrics = WorkerMetrics(CollectorRegistry())
        options = {"flush_s": 1e-6, "track_s": 1e-6, "gap_wait_s": 0.0, "job_wait_s": 0.0} | settings
        self.settings = WorkerSettings(**options)
        self.handler = PoseHandler(
            world.broker,
            world.codec,
            self.settings,
            self.metrics,
            lambda _: self.estimator,
            clock=lambda: world.now_s,
            now_ns=lambda: int(world.now_s * 1e9),
        )
        loop = LoopSettings(GROUP, (FRAMES,), poll_s=0.0, flush_interval_s=self.settings.flush_s)
        self.loop = Loop(world.broker, self.handler, loop, clock=lambda: world.now_s)
        self.loop.join()
        self._world = world

    def rounds(self, count: int) -> None:
        for _ in range(count):
            self._world.now_s += 0.01
            self.loop.step()

    def crash(self) -> None:
        """Vanish as kill -9 would: no flush, no commit; the group counts it out."""
        assert isinstance(self.loop._consumer, MemoryConsumer)
        self.loop._consumer.expel()


class World:
    """Topics, a codec and a clock."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.broker = MemoryBroker(clock=lambda: self.now_s)
        self.broker.ensure_topics(specs(["default"], partitions=2))
        self.codec = Codec("mock://consumers")
        self._producer = self.broker.producer()

    def put(self, topic: str, number: int, key: str, value: Any) -> None:
        data = value if value is None or isinstance(value, bytes) else self.codec.encode(topic, value)
        self._producer.send(Partition(topic, number), key.encode(), data, (("traceparent", b"00-aa-bb-01"),))

    def job(self, job_id: str = "a", number: int = 0, mode: Mode = Mode.ALL, **fields: Any) -> Job:
        objects = fields.pop("objects", (JobObject("cube", "cube.ply"),))
        job = Job(job_id, objects, estimator="chain", mode=mode, partition=number, **fields)
        self.put(JOBS, number, job_id, job)
        return job

    def frames(self, *frames: Frame, number: int = 0) -> None:
        for item in frames:
            self.put(FRAMES, number, item.job_id, item)

    def read(self, topic: str, kind: type, number: int = 0) -> list[Any]:
        records = self.broker.records(Partition(topic, number))
        return [self.codec.decode(record.value, kind) for record in records if record.value is not None]

    def events(self, number: int = 0) -> list[PoseEvent]:
        return self.read(POSES, PoseEvent, number)

    def seqs(self, number: int = 0) -> list[int]:
        return [event.seq for event in self.events(number)]

    def statuses(self, kind: StatusKind, number: int = 0) -> list[StatusEvent]:
        return [status for status in self.read(STATUS, StatusEvent, number) if status.kind is kind]

    def committed(self, number: int = 0) -> int | None:
        position = self.broker.groups[GROUP].committed.get(Partition(FRAMES, number))
        return position.offset if position else None


@pytest.fixture
def world() -> World:
    return World()


def poses(events: list[PoseEvent], name: str = "cube") -> list[list[float]]:
    found = [event.estimates[name].cam_from_obj for event in events]
    return [pose.translation_m.tolist() for pose in found if pose is not None]


def uninterrupted(frames: list[Frame], **job: Any) -> list[PoseEvent]:
    world = World()
    world.job(**job)
    world.frames(*frames)
    Worker(world).rounds(len(frames) + 3)
    return world.events()


def test_each_frame_has_one_event_in_order_and_the_offsets_follow(world: World) -> None:
    world.job()
    world.frames(frame("a", 0, mask_px=7), frame("a", 1), frame("a", 2))
    worker = Worker(world)
    worker.rounds(4)
    events = world.events()
    assert [event.seq for event in events] == [0, 1, 2]
    assert [event.estimates["cube"].state for event in events] == [State.REGISTERED, State.TRACKED, State.TRACKED]
    # by hand: 7 mask pixels, then 7 * .75 + 1 / 7, then that * .75 + 2 / 7
    assert poses(events) == [
        [7.0, 1.0, 0.1],
        [7 * 0.75 + 1 / 7, 2.0, 0.1],
        [(7 * 0.75 + 1 / 7) * 0.75 + 2 / 7, 3.0, 0.1],
    ]
    assert world.committed() == 3


def test_an_event_says_where_it_comes_from_and_what_took_how_long(world: World) -> None:
    world.job()
    world.frames(frame("a", 0))
    Worker(world).rounds(1)
    (event,) = world.events()
    (record,) = world.broker.records(Partition(POSES, 0))
    assert record.key == b"a"
    assert dict(record.headers)["traceparent"] == b"00-aa-bb-01"
    assert event.event_id == "a/run/0"
    assert (event.estimator, event.estimator_version, event.traceparent) == ("chain", "1", "00-aa-bb-01")
    assert event.published_ns == 1_000_000_000_000
    assert event.produced_ns == 1_000_010_000_000
    assert {"transport", "queue", "decode", "register"} <= set(event.stage_s)
    assert event.estimates["cube"].memory is None


def test_a_job_is_processing_from_its_first_frame_on(world: World) -> None:
    world.job()
    world.frames(frame("a", 0), frame("a", 1))
    Worker(world).rounds(3)
    assert [status.status for status in world.statuses(StatusKind.JOB)] == [JobStatus.PROCESSING]


def test_a_take_over_after_a_crash_continues_with_the_very_same_poses(world: World) -> None:
    clip = [frame("a", seq, mask_px=5 * (seq == 0)) for seq in range(12)]
    expected = poses(uninterrupted(clip))
    world.job()
    first = Worker(world)
    world.frames(*clip[:5])
    first.rounds(3)  # some are answered, tracked and committed, some are not even read
    first.crash()
    world.frames(*clip[5:])
    second = Worker(world)
    second.rounds(15)
    by_seq = {event.seq: event for event in world.events()}
    assert sorted(by_seq) == list(range(12))
    assert poses([by_seq[seq] for seq in range(12)]) == expected
    assert [call for call, _ in second.estimator.calls if call == "register"] == []


def test_a_crash_between_event_and_track_gives_the_same_event_again(world: World) -> None:
    clip = [frame("a", seq, mask_px=5 * (seq == 0)) for seq in range(6)]
    expected = poses(uninterrupted(clip))
    world.job()
    first = Worker(world, flush_s=10, track_s=10)
    first.rounds(1)
    world.frames(*clip[:3])
    first.rounds(4)  # three events, one track at most, no commit
    assert world.seqs() == [0, 1, 2]
    first.crash()
    second = Worker(world)
    world.frames(*clip[3:])
    second.rounds(10)
    events = world.events()
    assert len(events) > 6
    for event in events:
        assert poses([event]) == [expected[event.seq]]
    first_seen = list(dict.fromkeys(event.seq for event in events))
    assert first_seen == list(range(6))


def test_no_track_is_written_before_its_events_are_delivered(world: World) -> None:
    world.job()
    world.frames(frame("a", 0))
    worker = Worker(world, flush_s=10)
    worker.rounds(1)
    assert world.seqs() == [0]
    world.broker.logs.stalled = True
    before = len(world.broker.records(Partition(TRACKS, 0)))
    sent: list[str] = []
    send = worker.handler._producer.send
    worker.handler._producer.send = lambda to, *a, **k: (sent.append(to.topic), send(to, *a, **k))[1]  # type: ignore[method-assign, assignment]
    world._producer._logs.stalled = False
    world.frames(frame("a", 1))
    world.broker.logs.stalled = True
    worker.rounds(5)
    assert sent == [POSES]
    world.broker.logs.stalled = False
    worker.rounds(1)
    assert sent == [POSES, TRACKS]
    assert len(world.broker.records(Partition(TRACKS, 0))) > before


def test_a_new_owner_raises_the_epoch_and_writes_the_track_first(world: World) -> None:
    world.job()
    world.frames(frame("a", 0), frame("a", 1))
    first = Worker(world)
    first.rounds(4)
    first.loop.close()
    second = Worker(world)
    second.rounds(1)
    tracks = world.read(TRACKS, Track)
    assert [(track.owner_epoch, track.seq) for track in tracks][-2:] == [(1, 1), (2, 1)]


def test_a_zombies_late_track_does_no_harm(world: World) -> None:
    clip = [frame("a", seq) for seq in range(6)]
    expected = poses(uninterrupted(clip))
    world.job()
    world.frames(*clip[:4])
    first = Worker(world)
    first.rounds(2)
    stale = world.read(TRACKS, Track)[-1]
    assert stale.seq < 3
    first.loop.close()
    second = Worker(world)
    second.rounds(5)
    world.put(TRACKS, 0, "a", stale)  # after the newer ones
    second.loop.close()
    third = Worker(world)
    world.frames(*clip[4:])
    third.rounds(5)
    assert world.seqs() == list(range(6))
    assert poses(world.events()) == expected


@pytest.mark.parametrize(
    ("written", "newest"),
    [
        ([("one", 5, 2), ("one", 3, 2)], ("one", 5)),  # two owners took the same epoch, the slower one wrote last
        ([("one", 5, 2), ("two", 0, 2)], ("two", 0)),  # a later run of one owner
        ([("one", 5, 3), ("two", 9, 2)], ("one", 5)),  # a zombie of an older epoch
    ],
)
def test_the_newest_track_is_of_the_highest_epoch_then_run_then_seq(
    world: World, written: list[tuple[str, int, int]], newest: tuple[str, int]
) -> None:
    for run_id, seq, epoch in written:
        world.put(TRACKS, 0, "a", Track("a", run_id, seq, epoch))
    store = TrackStore(world.codec, world.broker.reader(), world.broker.producer())
    (stream,) = store.restore({Partition(FRAMES, 0): None}, lambda _: True)
    assert (stream.run_id, stream.seq) == newest


def test_the_committed_offset_notes_where_the_oldest_live_track_lies(world: World) -> None:
    world.job("a")
    world.job("b")
    worker = Worker(world)
    world.frames(*[frame("a", seq) for seq in range(5)], frame("b", 0))
    worker.rounds(12)
    position = world.broker.groups[GROUP].committed[Partition(FRAMES, 0)]
    records = world.broker.records(Partition(TRACKS, 0))
    latest = {record.key: record.offset for record in records}
    assert position.metadata == str(min(latest.values()))
    assert int(position.metadata) > 0


def test_a_new_run_starts_afresh_and_only_after_the_old_one_is_committed(world: World) -> None:
    world.job()
    worker = Worker(world, flush_s=10)
    worker.rounds(1)
    world.frames(frame("a", 0, "one"), frame("a", 1, "one"), frame("a", 0, "two"), frame("a", 1, "two"))
    worker.rounds(2)
    assert world.committed() is None
    worker.rounds(1)
    assert world.committed() == 2
    worker.rounds(3)
    assert [(event.run_id, event.seq) for event in world.events()] == [("one", 0), ("one", 1), ("two", 0), ("two", 1)]
    assert [event.estimates["cube"].state for event in world.events()] == [State.REGISTERED, State.TRACKED] * 2


def test_frames_sent_twice_are_answered_once(world: World) -> None:
    world.job()
    world.frames(frame("a", 0), frame("a", 1), frame("a", 0), frame("a", 1), frame("a", 2))
    Worker(world).rounds(6)
    assert world.seqs() == [0, 1, 2]
    assert world.committed() == 5


def test_poison_is_dead_lettered_explained_and_its_neighbours_go_on(world: World) -> None:
    world.job()
    good = [frame("a", seq) for seq in range(4)]
    world.frames(good[0])
    world.put(FRAMES, 0, "a", b"\x01garbage")
    world.frames(good[2], good[3])
    Worker(world).rounds(6)
    assert world.seqs() == [0, 2, 3]
    (letter,) = world.broker.records(Partition(dlq_topic(FRAMES), 0))
    assert letter.value == b"\x01garbage"
    assert dict(letter.headers)["x-offset"] == b"1"
    (skipped,) = world.statuses(StatusKind.SKIPPED)
    assert skipped.frames == SeqRange(1, 1)
    assert skipped.reason.startswith("dead-lettered: ")
    assert world.statuses(StatusKind.GAP) == []
    assert world.committed() == 4


def test_a_frame_that_the_estimator_refuses_is_dead_lettered_and_the_stream_goes_on(world: World) -> None:
    world.job()
    world.frames(frame("a", 0), frame("a", 1, value=250), frame("a", 2))
    Worker(world).rounds(5)
    assert world.seqs() == [0, 2]
    (letter,) = world.broker.records(Partition(dlq_topic(FRAMES), 0))
    assert dict(letter.headers)["x-stage"] == b"frame"
    assert [status.frames for status in world.statuses(StatusKind.SKIPPED)] == [SeqRange(1, 1)]
    assert world.statuses(StatusKind.GAP) == []


def test_one_refused_frame_does_not_spoil_its_batch(world: World) -> None:
    world.job("a")
    world.job("b")
    worker = Worker(world)
    world.frames(frame("a", 0), frame("b", 0))
    worker.rounds(2)
    world.frames(frame("a", 1, value=250), frame("b", 1))
    worker.rounds(2)
    assert [(event.job_id, event.seq) for event in world.events()] == [("a", 0), ("b", 0), ("b", 1)]


def test_a_frame_under_another_jobs_key_is_refused(world: World) -> None:
    world.job()
    world.put(FRAMES, 0, "b", frame("a", 0))
    Worker(world).rounds(2)
    assert len(world.broker.records(Partition(dlq_topic(FRAMES), 0))) == 1
    assert world.events() == []


def test_frames_of_an_unknown_job_wait_for_it(world: World) -> None:
    worker = Worker(world, job_wait_s=1.0)
    world.frames(frame("a", 0), frame("a", 1))
    worker.rounds(5)
    assert world.committed() == 0
    world.job()
    worker.rounds(3)
    assert world.seqs() == [0, 1]


def test_frames_whose_job_never_comes_are_dead_lettered_with_the_reason(world: World) -> None:
    worker = Worker(world, job_wait_s=0.05)
    world.job("b")
    world.frames(frame("a", 0), frame("b", 0), frame("a", 1))
    worker.rounds(10)
    letters = world.broker.records(Partition(dlq_topic(FRAMES), 0))
    assert len(letters) == 2
    assert b"job a: not in topic jobs" in dict(letters[0].headers)["x-error"]
    assert [(event.job_id, event.seq) for event in world.events()] == [("b", 0)]
    assert world.committed() == 3


def test_a_bad_job_fails_with_its_reason_and_the_others_go_on(world: World) -> None:
    world.job("a", objects=(JobObject("cube", "bad.ply"),))
    world.job("b")
    worker = Worker(world)
    world.frames(frame("a", 0), frame("b", 0), frame("a", 1), frame("b", 1))
    worker.rounds(5)
    failed = [status for status in world.statuses(StatusKind.JOB) if status.status == JobStatus.FAILED]
    assert [(status.job_id, status.reason) for status in failed] == [("a", "bad.ply: no such mesh")]
    assert [(event.job_id, event.seq) for event in world.events()] == [("b", 0), ("b", 1)]
    (skipped,) = world.statuses(StatusKind.SKIPPED)
    assert (skipped.frames, skipped.reason) == (SeqRange(0, 1), "job failed: bad.ply: no such mesh")
    assert world.committed() == 4
    world.job("a")  # mended
    world.frames(frame("a", 2))
    worker.rounds(3)
    assert ("a", 2) in [(event.job_id, event.seq) for event in world.events()]


def test_live_streams_answer_the_newest_frame_and_say_what_they_skipped(world: World) -> None:
    world.job(mode=Mode.LIVE)
    worker = Worker(world)
    worker.rounds(1)
    world.frames(*[frame("a", seq) for seq in range(6)])
    worker.rounds(3)
    world.frames(*[frame("a", seq) for seq in range(6, 10)])
    worker.rounds(3)
    # the first frame of a run is never skipped: it may carry the masks
    assert [(event.seq, event.skipped) for event in world.events()] == [
        (0, None),
        (5, SeqRange(1, 4)),
        (9, SeqRange(6, 8)),
    ]
    assert worker.metrics.registry.get_sample_value("posestream_worker_frames_skipped_total", {"job": "a"}) == 7
    assert world.committed() == 10
    assert world.statuses(StatusKind.GAP) == []


def test_frames_that_were_passed_over_stay_uncommitted_until_an_event_tells_of_them(world: World) -> None:
    world.job(mode=Mode.LIVE)
    worker = Worker(world)
    world.frames(frame("a", 0))
    worker.rounds(3)
    worker.estimator.overloaded = True
    world.frames(*[frame("a", seq) for seq in range(1, 5)])
    worker.rounds(3)
    assert world.committed() == 1
    worker.estimator.overloaded = False
    worker.rounds(2)
    assert world.committed() == 5


def test_all_mode_skips_nothing_however_slow_the_worker_is(world: World) -> None:
    world.job()
    worker = Worker(world, queue_frames=4)
    worker.rounds(1)
    for start in range(0, 40, 10):
        world.frames(*[frame("a", seq) for seq in range(start, start + 10)])
        worker.rounds(2)
    worker.rounds(60)
    assert world.seqs() == list(range(40))


def test_an_overloaded_estimator_is_asked_again_and_nothing_is_lost(world: World) -> None:
    world.job()
    worker = Worker(world)
    worker.estimator.overloaded = True
    world.frames(frame("a", 0), frame("a", 1))
    worker.rounds(4)
    assert world.events() == []
    worker.estimator.overloaded = False
    worker.rounds(3)
    assert world.seqs() == [0, 1]


def test_many_streams_share_one_call_and_each_has_one_frame_in_it(world: World) -> None:
    for job_id in "abc":
        world.job(job_id)
    worker = Worker(world)
    worker.rounds(1)
    world.frames(*[frame(job_id, seq) for seq in range(2) for job_id in "abc"])
    worker.rounds(4)
    tracked = [frames for call, frames in worker.estimator.calls if call == "track"]
    assert sorted(tracked[0]) == [("a", 1), ("b", 1), ("c", 1)]


def test_a_higher_priority_goes_first(world: World) -> None:
    world.job("low", priority=1)
    world.job("high", priority=5)
    worker = Worker(world, batch=1)
    world.frames(frame("low", 0), frame("high", 0))
    worker.rounds(2)
    assert [event.job_id for event in world.events()] == ["high", "low"]


def test_a_gap_that_nobody_explains_is_reported(world: World) -> None:
    world.job()
    worker = Worker(world, gap_wait_s=0.05)
    world.frames(frame("a", 0), frame("a", 4))
    worker.rounds(2)
    assert world.statuses(StatusKind.GAP) == []
    worker.rounds(8)
    (gap,) = world.statuses(StatusKind.GAP)
    assert (gap.run_id, gap.frames) == ("run", SeqRange(1, 3))
    assert world.seqs() == [0, 4]


def test_a_gap_that_the_producer_explains_is_no_loss(world: World) -> None:
    world.job()
    worker = Worker(world, gap_wait_s=0.05)
    world.frames(frame("a", 0), frame("a", 4))
    worker.rounds(2)
    for first, last in ((1, 1), (2, 3)):
        told = StatusEvent("a", "run", StatusKind.SKIPPED, 1, reason="queue full", frames=SeqRange(first, last))
        world.put(STATUS, 0, "a", told)
    worker.rounds(10)
    assert world.statuses(StatusKind.GAP) == []


def test_expired_frames_are_reported_as_lost_with_the_reason(world: World) -> None:
    world.job()
    first = Worker(world)
    world.frames(frame("a", 0))
    first.rounds(3)
    first.loop.close()
    world.frames(*[frame("a", seq) for seq in range(1, 5)])
    world.broker.logs.delete_before(Partition(FRAMES, 0), 3)
    Worker(world).rounds(5)
    (gap,) = world.statuses(StatusKind.GAP)
    assert gap.frames == SeqRange(1, 2)
    assert gap.reason == "records 1 to 2 of frames.default[0] expired unread"


def test_a_box_registers_its_object_at_the_next_frame_and_only_once(world: World) -> None:
    world.job(objects=(JobObject("cube", "c.ply"), JobObject("can", "d.ply")))
    worker = Worker(world)
    world.frames(frame("a", 0))
    worker.rounds(3)
    world.put(PROMPTS, 0, "a", Prompt("a", "", "cube", box=Box(2.0, 1.0, 4.0, 3.0)))
    world.frames(frame("a", 1), frame("a", 2))
    worker.rounds(4)
    states = [(event.estimates["cube"].state, event.estimates["can"].state) for event in world.events()]
    assert states == [
        (State.REGISTERED, State.REGISTERED),
        (State.REGISTERED, State.TRACKED),
        (State.TRACKED, State.TRACKED),
    ]
    assert poses(world.events())[1] == [12.0, 1.0, 0.1]  # 4 x 3 pixels
    assert world.read(TRACKS, Track)[-1].prompt_offset == 1


def test_a_prompt_for_another_run_is_left_alone_and_a_reset_searches_again(world: World) -> None:
    world.job()
    worker = Worker(world)
    world.frames(frame("a", 0, mask_px=9))
    worker.rounds(2)
    world.put(PROMPTS, 0, "a", Prompt("a", "other", "cube", reset=True))
    world.frames(frame("a", 1))
    worker.rounds(2)
    world.put(PROMPTS, 0, "a", Prompt("a", "run", "cube", reset=True))
    world.frames(frame("a", 2))
    worker.rounds(2)
    states = [event.estimates["cube"].state for event in world.events()]
    assert states == [State.REGISTERED, State.TRACKED, State.REGISTERED]


def test_a_track_lost_altogether_is_registered_again(world: World) -> None:
    world.job()
    worker = Worker(world)
    world.frames(frame("a", 0), frame("a", 1, value=251), frame("a", 2))
    worker.rounds(5)
    states = [event.estimates["cube"].state for event in world.events()]
    assert states == [State.REGISTERED, State.REGISTERED, State.TRACKED]


def test_a_removed_job_leaves_a_tombstone_and_its_frames_a_reason(world: World) -> None:
    world.job()
    worker = Worker(world)
    world.frames(frame("a", 0))
    worker.rounds(3)
    world.put(JOBS, 0, "a", None)
    worker.rounds(2)
    last = world.broker.records(Partition(TRACKS, 0))[-1]
    assert (last.key, last.value) == (b"a", None)
    assert worker.estimator.prepared == {}


def test_a_completed_job_ends_its_track_after_its_last_frame(world: World) -> None:
    world.job()
    worker = Worker(world)
    world.frames(frame("a", 0), frame("a", 1), frame("a", 2))
    worker.rounds(1)
    world.put(STATUS, 0, "a", StatusEvent("a", "", StatusKind.JOB, 1, status=JobStatus.COMPLETED.value))
    worker.rounds(5)
    assert world.seqs() == [0, 1, 2]
    assert world.broker.records(Partition(TRACKS, 0))[-1].value is None


def test_two_workers_share_the_jobs_and_a_track_moves_to_another_worker(world: World) -> None:
    world.job("a", 0)
    world.job("b", 1)
    clips = {job_id: [frame(job_id, seq) for seq in range(8)] for job_id in "ab"}
    first = Worker(world)
    for number, job_id in enumerate("ab"):
        world.frames(*clips[job_id][:3], number=number)
    first.rounds(5)
    second = Worker(world)
    for _ in range(4):
        first.rounds(1)
        second.rounds(1)
    for number, job_id in enumerate("ab"):
        world.frames(*clips[job_id][3:], number=number)
    for _ in range(8):
        first.rounds(1)
        second.rounds(1)
    assert world.seqs(0) == world.seqs(1) == list(range(8))
    assert any(call == "track" for call, _ in second.estimator.calls)
    assert not any(call == "register" for call, _ in second.estimator.calls)
    for number, job_id in enumerate("ab"):
        alone = uninterrupted([replace(item, job_id="a") for item in clips[job_id]])
        assert poses(world.events(number)) == poses(alone)


def test_tracks_of_another_pool_are_left_alone(world: World) -> None:
    world.job("a", pool="gpu")
    world.put(TRACKS, 0, "a", Track("a", "run", 4, 3))
    worker = Worker(world)
    worker.rounds(3)
    assert [track.owner_epoch for track in world.read(TRACKS, Track)] == [3]


def test_metrics_tell_frames_age_scores_and_registrations(world: World) -> None:
    world.job()
    worker = Worker(world)
    world.frames(frame("a", 0), frame("a", 1))
    worker.rounds(4)
    value = worker.metrics.registry.get_sample_value
    assert value("posestream_worker_frames_received_total", {"job": "a"}) == 2
    assert value("posestream_worker_frames_processed_total", {"job": "a"}) == 2
    assert value("posestream_worker_score", {"job": "a", "object": "cube"}) == 0.5
    assert value("posestream_worker_registrations_total", {"job": "a", "object": "cube"}) == 1
    assert value("posestream_worker_frame_age_seconds_count") == 2
    assert value("posestream_worker_stage_seconds_count", {"stage": "track"}) == 1
