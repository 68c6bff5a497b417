"""Jobs that are paused, resumed, cancelled, tried again and completed, on topics in memory."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from consumers.book import JobBook, NoSuchJob
from consumers.broker import Partition
from consumers.heart import Heart
from schemas import BadJob, Heartbeat, Job, JobObject, JobStatus, MemberKind, Mode, SeqRange, StatusEvent, StatusKind
from schemas.event import END_OF_STREAM
from schemas.heartbeat import BEAT_S, SILENT_S
from schemas.lifecycle import IllegalTransition
from schemas.topics import HEARTBEATS, STATUS, TRACKS
from tests.unit.consumers_world import Worker, World, frame, poses, uninterrupted

JOB = Job("a", (JobObject("cube", "cube.ply"),), estimator="chain")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def book(world: World) -> Iterator[JobBook]:
    return JobBook(world.broker, world.codec, 2, now_ns=lambda: int(world.now_s * 1e9))


def told(world: World) -> list[str]:
    return [status.status for status in world.statuses(StatusKind.JOB)]


def end_of_stream(world: World, last: int) -> None:
    frames = SeqRange(0, last)
    world.put(STATUS, 0, "a", StatusEvent("a", "run", StatusKind.STREAM, 1, reason=END_OF_STREAM, frames=frames))


def test_a_job_goes_its_whole_way_and_its_track_ends_after_the_commit(world: World, book: JobBook) -> None:
    book.create(JOB)
    assert told(world) == ["pending"]
    worker = Worker(world)
    worker.rounds(2)
    assert told(world) == ["pending", "queued"]
    world.frames(*[frame("a", seq) for seq in range(3)])
    worker.rounds(5)
    assert told(world) == ["pending", "queued", "processing"]
    end_of_stream(world, 2)
    worker.rounds(5)
    assert told(world) == ["pending", "queued", "processing", "completed"]
    assert world.committed() == 3
    assert world.broker.records(Partition(TRACKS, 0))[-1].value is None
    with book.ledger() as ledger:
        assert ledger.state("a") is JobStatus.COMPLETED


def test_a_completed_job_that_is_fed_again_is_queued_and_keeps_its_new_track(world: World, book: JobBook) -> None:
    book.create(JOB)
    worker = Worker(world)
    world.frames(frame("a", 0))
    end_of_stream(world, 0)
    worker.rounds(6)
    for seq in range(3):
        world.frames(frame("a", seq, "again"))
        worker.rounds(3)
    assert told(world)[3:] == ["completed", "queued", "processing"]
    assert [call for call, _ in worker.estimator.calls] == ["register", "register", "track", "track"]


def test_frames_that_the_producer_dropped_at_the_end_do_not_keep_a_job_from_its_end(
    world: World, book: JobBook
) -> None:
    book.create(JOB)
    worker = Worker(world)
    world.frames(frame("a", 0))
    end_of_stream(world, 2)
    worker.rounds(4)
    assert told(world)[-1] == "processing"
    dropped = StatusEvent("a", "run", StatusKind.SKIPPED, 1, reason="dropped", frames=SeqRange(1, 2))
    world.put(STATUS, 0, "a", dropped)
    worker.rounds(4)
    assert told(world)[-1] == "completed"


def test_a_paused_job_keeps_its_track_and_goes_on_with_it(world: World, book: JobBook) -> None:
    book.create(JOB)
    clip = [frame("a", seq) for seq in range(6)]
    worker = Worker(world)
    world.frames(*clip[:2])
    worker.rounds(4)
    book.pause("a")
    worker.rounds(1)
    world.frames(*clip[2:])
    worker.rounds(5)
    assert world.seqs() == [0, 1]
    assert world.statuses(StatusKind.JOB)[-1].reason == "paused after frame 1 of run run"
    book.resume("a")
    worker.rounds(8)
    assert poses(world.events()) == poses(uninterrupted(clip))
    assert told(world)[2:] == ["processing", "paused", "paused", "queued", "processing"]
    assert world.statuses(StatusKind.SKIPPED) == []


def test_a_worker_that_takes_a_paused_job_over_does_not_begin_it(world: World, book: JobBook) -> None:
    book.create(JOB)
    clip = [frame("a", seq) for seq in range(4)]
    first = Worker(world)
    world.frames(*clip[:2])
    first.rounds(4)
    book.pause("a")
    first.rounds(1)
    world.frames(*clip[2:])
    first.rounds(2)
    first.crash()
    second = Worker(world)
    second.rounds(6)
    assert world.seqs() == [0, 1]
    book.resume("a")
    second.rounds(6)
    assert poses(world.events()) == poses(uninterrupted(clip))
    assert not any(call == "register" for call, _ in second.estimator.calls)


def test_a_paused_live_job_skips_what_comes_and_says_so_once_a_second(world: World, book: JobBook) -> None:
    book.create(replace(JOB, mode=Mode.LIVE))
    worker = Worker(world)
    world.frames(frame("a", 0))
    worker.rounds(3)
    book.pause("a")
    worker.rounds(1)
    world.frames(*[frame("a", seq) for seq in range(1, 6)])
    worker.rounds(2)
    assert world.statuses(StatusKind.SKIPPED) == []
    world.now_s += 1.0
    worker.rounds(2)
    assert [(one.frames, one.reason) for one in world.statuses(StatusKind.SKIPPED)] == [(SeqRange(1, 5), "job paused")]


def test_the_frames_of_a_paused_job_do_not_hold_up_its_neighbour(world: World, book: JobBook) -> None:
    book.create(JOB)
    world.job("b", 0)
    worker = Worker(world, queue_frames=4)
    book.pause("a")
    worker.rounds(1)
    world.frames(*[frame("a", seq) for seq in range(20)])
    world.frames(frame("b", 0), frame("b", 1))
    worker.rounds(6)
    assert [(event.job_id, event.seq) for event in world.events()] == [("b", 0), ("b", 1)]


def test_a_cancelled_job_ends_its_track_and_skips_its_frames_whoever_takes_them(world: World, book: JobBook) -> None:
    book.create(JOB)
    worker = Worker(world)
    world.frames(frame("a", 0))
    worker.rounds(3)
    book.cancel("a")
    worker.rounds(2)
    world.frames(frame("a", 1))
    worker.rounds(3)
    assert world.broker.records(Partition(TRACKS, 0))[-1].value is None
    assert world.seqs() == [0]
    assert {status.reason for status in world.statuses(StatusKind.SKIPPED)} == {"job cancelled"}
    worker.crash()
    world.frames(frame("a", 2))
    Worker(world).rounds(4)
    assert world.seqs() == [0]
    assert told(world)[-1] == "cancelled"
    assert world.committed() == 3


def test_a_failed_job_is_tried_again_where_people_say_so(world: World, book: JobBook) -> None:
    book.create(JOB)
    worker = Worker(world)
    prepare = worker.estimator.prepare

    def refuse(_job: Job) -> Mapping[str, str]:
        raise BadJob("no such mesh")

    worker.estimator.prepare = refuse  # type: ignore[method-assign]
    world.frames(frame("a", 0))
    worker.rounds(3)
    assert told(world)[-1] == "failed"
    worker.estimator.prepare = prepare  # type: ignore[method-assign]
    assert book.retry("a").attempt == 1
    worker.rounds(2)
    world.frames(frame("a", 1))
    worker.rounds(3)
    assert told(world)[-2:] == ["queued", "processing"]
    assert world.seqs() == [1]


def test_what_cannot_be_asked_of_a_job_is_refused_with_its_state(book: JobBook) -> None:
    book.create(JOB)
    with pytest.raises(IllegalTransition, match="job a is pending: expected a paused one to resume"):
        book.resume("a")
    with pytest.raises(IllegalTransition, match="expected a failed one"):
        book.retry("a")
    book.cancel("a")
    book.cancel("a")  # it is so already
    with pytest.raises(IllegalTransition, match="job a is cancelled: expected to make it nothing, got paused"):
        book.pause("a")
    with pytest.raises(NoSuchJob, match="job b: expected one of a"):
        book.pause("b")


def test_jobs_go_to_the_partition_with_the_fewest_that_are_not_over(book: JobBook) -> None:
    first, second = (book.create(replace(JOB, id=name)) for name in "ab")
    assert (first.partition, second.partition) == (0, 1)
    third = book.create(replace(JOB, id="c"))
    assert third.partition == 0
    book.cancel("a")
    book.cancel("c")
    assert book.create(replace(JOB, id="d")).partition == 0


def test_a_worker_beats_with_what_it_holds_and_is_missed_when_it_is_silent(world: World, book: JobBook) -> None:
    book.create(JOB)
    worker = Worker(world)
    sender = world.broker.producer()

    def send(key: bytes, value: bytes) -> None:
        sender.send(Partition(HEARTBEATS, 0), key, value)

    now_ns = lambda: int(world.now_s * 1e9)  # noqa: E731 - the world's clock
    worker.handler._heart = Heart("default", world.codec, send, lambda: world.now_s, now_ns)
    worker.rounds(2)
    world.frames(*[frame("a", seq) for seq in range(4)])
    worker.rounds(6)
    world.now_s += BEAT_S
    worker.rounds(1)
    beats = world.read(HEARTBEATS, Heartbeat)
    assert [beat.jobs[0].seq for beat in beats] == [-1, 3]
    assert beats[-1].jobs[0].rate_hz == pytest.approx(4 / (beats[-1].at_ns - beats[0].at_ns) * 1e9)
    with book.ledger() as ledger:
        (alive,) = ledger.alive(MemberKind.WORKER, "default")
        assert (alive.member_id, ledger.alive(MemberKind.WORKER, "gpu")) == (beats[0].member_id, [])
        world.now_s += SILENT_S + 0.1
        assert ledger.alive(MemberKind.WORKER) == []
        worker.handler._heart.leave()
        ledger.follow()
        assert ledger.beats == {}
