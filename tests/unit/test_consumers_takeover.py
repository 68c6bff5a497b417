"""The pose worker's state: crashes, take-over, epochs, runs, the end of a job."""

from dataclasses import replace

import pytest

from consumers.broker import Partition
from consumers.tracks import TrackStore
from schemas import (
    JobStatus,
    State,
    StatusEvent,
    StatusKind,
    Track,
)
from schemas.topics import JOBS, POSES, STATUS, TRACKS
from tests.unit.consumers_world import FRAMES, GROUP, Worker, World, frame, poses, uninterrupted


@pytest.fixture
def world() -> World:
    return World()


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


def test_what_was_sent_before_a_loss_is_in_its_place_before_the_stream_is_taken_again(world: World) -> None:
    world.job()
    world.frames(*[frame("a", seq) for seq in range(3)])
    worker = Worker(world)
    worker.rounds(1)
    (stream,) = worker.handler._streams.values()
    world.broker.logs.stalled = True
    worker.handler._tracks.save(stream)
    worker.handler.lost({stream.source})
    with pytest.raises(TimeoutError):
        worker.handler.assigned({stream.source: None})
    world.broker.logs.stalled = False
    worker.handler.assigned({stream.source: None})
    told = [(track.owner_epoch, track.seq) for track in world.read(TRACKS, Track)]
    assert told == sorted(told), "a later epoch never goes on from before what an earlier one wrote"


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
    assert world.committed() == 1, "the first answer about a stream, and no other"
    assert {event.run_id for event in world.events()} == {"one"}
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
