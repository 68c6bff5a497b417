"""What the pose worker does with frames it has no time for, and with frames that are missing."""

import pytest

from consumers.broker import Partition
from schemas import (
    Mode,
    SeqRange,
    StatusEvent,
    StatusKind,
)
from schemas.topics import STATUS
from tests.unit.consumers_world import FRAMES, Worker, World, frame


@pytest.fixture
def world() -> World:
    return World()


def test_one_refused_frame_does_not_spoil_its_batch(world: World) -> None:
    world.job("a")
    world.job("b")
    worker = Worker(world)
    world.frames(frame("a", 0), frame("b", 0))
    worker.rounds(2)
    world.frames(frame("a", 1, value=250), frame("b", 1))
    worker.rounds(2)
    assert [(event.job_id, event.seq) for event in world.events()] == [("a", 0), ("b", 0), ("b", 1)]


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


def test_bounded_streams_answer_in_order_what_is_younger_than_the_deadline(world: World) -> None:
    world.job(mode=Mode.BOUNDED, deadline_s=0.25)
    worker = Worker(world)
    world.frames(frame("a", 0))
    worker.rounds(3)
    for seq in range(1, 6):
        world.frames(frame("a", seq))
        world.now_s += 0.1
    worker.rounds(4)  # the worker was away: 1 to 3 are older by now
    assert world.seqs() == [0, 4, 5]
    assert world.events()[1].skipped == SeqRange(1, 3)
    world.frames(frame("a", 6))
    world.now_s += 5
    worker.rounds(2)  # the newest is answered however old it is
    assert world.seqs() == [0, 4, 5, 6]
    assert world.committed() == 7


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
