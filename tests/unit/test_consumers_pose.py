"""The pose worker: one event a frame, poison, jobs, prompts, metrics."""

import pytest
import torch
from prometheus_client import CollectorRegistry, generate_latest

from consumers.broker import Partition
from consumers.metrics import WorkerMetrics
from schemas import (
    Box,
    JobObject,
    JobStatus,
    Prompt,
    SeqRange,
    State,
    StatusKind,
    Track,
)
from schemas.topics import POSES, PROMPTS, TRACKS, dlq_topic
from tests.unit.consumers_world import FRAMES, TRACE, Worker, World, frame, poses


@pytest.fixture
def world() -> World:
    return World()


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
    assert dict(record.headers)["traceparent"] == TRACE.encode()
    assert event.event_id == "a/run/0"
    assert (event.estimator, event.estimator_version, event.traceparent) == ("chain", "1", TRACE)
    assert event.published_ns == 1_000_000_000_000
    assert event.produced_ns == 1_000_010_000_000
    assert (event.received_ns, event.started_ns) == (1_000_010_000_000, 1_000_010_000_000)
    assert {"transport", "queue", "decode", "register"} <= set(event.stage_s)
    assert event.estimates["cube"].memory is None


def test_a_job_is_processing_from_its_first_frame_on(world: World) -> None:
    world.job()
    world.frames(frame("a", 0), frame("a", 1))
    Worker(world).rounds(3)
    assert [status.status for status in world.statuses(StatusKind.JOB)] == [JobStatus.PROCESSING]


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


@pytest.mark.parametrize(
    ("asked", "answered"), [("", True), ("1", True), ("2", False), ("feed5eed", True), ("feed", False)]
)
def test_a_job_that_asks_for_a_version_is_answered_by_that_one_only(
    world: World, asked: str, *, answered: bool
) -> None:
    world.job("a", estimator_version=asked)
    worker = Worker(world)
    worker.estimator.weights_digest = "feed5eed" * 8
    world.frames(frame("a", 0))
    worker.rounds(3)
    assert bool(world.events()) == answered
    if not answered:
        (failed,) = [status for status in world.statuses(StatusKind.JOB) if status.status == JobStatus.FAILED]
        assert f"expected version {asked}, as the job asks, this worker has 1, weights feed5eed" in failed.reason


def test_an_object_that_cannot_be_used_is_said_once_and_the_others_are_answered(world: World) -> None:
    world.job("a", objects=(JobObject("cube", "cube.ply"), JobObject("mug", "bad.ply")))
    worker = Worker(world)
    world.frames(frame("a", 0), frame("a", 1), frame("a", 2))
    worker.rounds(5)
    assert [event.estimates["cube"].state for event in world.events()] == [State.REGISTERED] + [State.TRACKED] * 2
    for event in world.events():
        mug = event.estimates["mug"]
        assert (mug.state, mug.cam_from_obj, mug.score) == (State.LOST, None, 0.0)
    (said,) = world.statuses(StatusKind.OBJECT)
    assert (said.job_id, said.reason, said.frames) == ("a", "bad.ply: no such mesh", None)
    assert [status.status for status in world.statuses(StatusKind.JOB)] == [JobStatus.PROCESSING]
    tracks = world.read(TRACKS, Track)
    assert set(tracks[-1].estimates) == {"cube"}
    world.job("a", objects=(JobObject("cube", "cube.ply"), JobObject("mug", "mug.ply")))  # mended
    world.frames(frame("a", 3))
    worker.rounds(3)
    assert world.events()[-1].estimates["mug"].state is State.REGISTERED
    assert len(world.statuses(StatusKind.OBJECT)) == 1


def test_why_an_object_was_not_found_is_said_once_until_it_is_found_or_asked_for_again(world: World) -> None:
    world.job()
    worker = Worker(world)
    world.frames(*(frame("a", seq, value=249, mask_px=5) for seq in range(3)))  # a source with masks in every frame
    worker.rounds(5)
    said = world.statuses(StatusKind.OBJECT)
    assert [(one.reason, one.run_id, one.frames) for one in said] == [("object cube: too dark", "run", SeqRange(0, 0))]
    assert [event.estimates["cube"].state for event in world.events()] == [State.LOST] * 3
    assert all(event.estimates["cube"].reason == "" for event in world.events())
    world.put(PROMPTS, 0, "a", Prompt("a", "", "cube", box=Box(1, 1, 4, 4)))
    world.frames(frame("a", 3, value=249))
    worker.rounds(3)
    assert [one.frames for one in world.statuses(StatusKind.OBJECT)] == [SeqRange(0, 0), SeqRange(3, 3)]
    world.frames(frame("a", 4, mask_px=5), frame("a", 5, value=249, mask_px=5))
    worker.rounds(4)
    assert [one.frames for one in world.statuses(StatusKind.OBJECT)][2:] == [SeqRange(5, 5)]


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


def test_metrics_tell_the_memory_of_gpus_that_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = WorkerMetrics(CollectorRegistry()).registry
    labels = {"device": "cuda:1", "kind": "reserved"}
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    assert b"gpu_memory" not in generate_latest(registry)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda index: (0, 300)[index])
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda index: (0, 200)[index])
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: ((7, 8), (9, 10))[index])
    assert registry.get_sample_value("posestream_worker_gpu_memory_bytes", labels) == 300
    assert registry.get_sample_value("posestream_worker_gpu_memory_bytes", labels | {"kind": "free"}) == 9
    assert registry.get_sample_value("posestream_worker_gpu_memory_bytes", labels | {"kind": "allocated"}) == 200
    assert registry.get_sample_value("posestream_worker_gpu_memory_bytes", labels | {"device": "cuda:0"}) is None


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
    for at in ("start", "end", "commit"):
        assert value("posestream_worker_frame_age_seconds_count", {"job": "a", "at": at}) == 2
    assert value("posestream_worker_stage_seconds_count", {"stage": "track"}) == 1


def test_frames_of_a_job_that_was_made_too_late_are_told_and_answered_when_they_come_back(world: World) -> None:
    worker = Worker(world)
    world.frames(*(frame("a", seq) for seq in range(3)))
    worker.rounds(3)
    (letters,) = (world.broker.records(Partition(dlq_topic(FRAMES), 0)),)
    assert len(letters) == 3
    told = [(one.frames, one.reason) for one in world.statuses(StatusKind.SKIPPED)]
    assert [frames for frames, _ in told] == [SeqRange(0, 2)]
    assert told[0][1].startswith("dead-lettered: job a: not in topic jobs")
    world.job()
    world.frames(frame("a", 0), frame("a", 1), frame("a", 2), frame("a", 3))
    worker.rounds(8)
    assert world.seqs() == [0, 1, 2, 3]
    assert world.statuses(StatusKind.GAP) == []
