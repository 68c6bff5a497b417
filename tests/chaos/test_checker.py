"""The checker itself: each anomaly in a hand-made log is found and named, a good log has none."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos.checker import KINDS, Expected, check, spans
from tests.chaos.crew import of_librdkafka
from tests.chaos.log import Event, Log, ObjectRow, Row, Sent, TrackRecord

FRAMES = 6
OBJECTS = ("cup", "lid")


def pose(seq: int, object_id: str) -> int:
    return 1000 * seq + len(object_id) + ord(object_id[0])


def event(seq: int, offset: int, produced_ns: int = 0) -> Event:
    return Event("r", seq, offset, produced_ns or seq, {name: pose(seq, name) for name in OBJECTS})


def good() -> Log:
    numbers = range(FRAMES)
    return Log(
        sent=[Sent("r", seq, seq + 3) for seq in numbers],
        events=[event(seq, 2 * seq) for seq in numbers],
        tracks=[
            TrackRecord("r", 1, 1, 0),
            TrackRecord("r", 3, 1, 1),
            TrackRecord("r", 3, 2, 2),
            TrackRecord("r", 5, 2, 3),
        ],
        rows=[Row("r", seq, seq, 100.0 + seq // 3) for seq in numbers],
        objects=[ObjectRow("r", seq, name, pose(seq, name)) for seq in numbers for name in OBJECTS],
    )


def expected(**others: object) -> Expected:
    poses = {seq: {name: pose(seq, name) for name in OBJECTS} for seq in range(FRAMES)}
    return replace(Expected("r", FRAMES, frozenset(OBJECTS), exactly_once=True, poses=poses), **others)


def without(log: Log, seq: int) -> None:
    """A frame that nobody answered."""
    log.events[:] = [one for one in log.events if one.seq != seq]
    log.rows[:] = [one for one in log.rows if one.seq != seq]
    log.objects[:] = [one for one in log.objects if one.seq != seq]


def test_a_good_log_has_no_anomaly() -> None:
    assert check(good(), expected()) == []


def test_an_empty_log_has_lost_everything() -> None:
    assert {one.kind for one in check(Log(), expected())} == {"lost"}


def frame_gone(log: Log) -> None:
    del log.sent[2]


def answer_gone(log: Log) -> None:
    without(log, 2)


def row_gone(log: Log) -> None:
    del log.rows[2]
    log.objects[:] = [one for one in log.objects if one.seq != 2]


def frame_twice(log: Log) -> None:
    log.sent.append(Sent("r", 5, 9))


def event_twice(log: Log) -> None:
    log.events.append(event(5, 99))


def row_twice(log: Log) -> None:
    log.rows.append(replace(log.rows[5]))


def object_twice(log: Log) -> None:
    log.objects.append(log.objects[-1])


def frames_swapped(log: Log) -> None:
    log.sent[1], log.sent[2] = replace(log.sent[1], offset=5), replace(log.sent[2], offset=4)


def events_swapped(log: Log) -> None:
    log.events[1], log.events[2] = replace(log.events[1], offset=4), replace(log.events[2], offset=2)


def row_stored_before_the_one_before_it(log: Log) -> None:
    log.rows[4] = replace(log.rows[4], stored_at_s=99.0)


def event_without_an_object(log: Log) -> None:
    log.events[3] = replace(log.events[3], poses={"cup": pose(3, "cup")})
    log.objects[:] = [one for one in log.objects if (one.seq, one.object_id) != (3, "lid")]


def row_without_its_objects(log: Log) -> None:
    log.objects[:] = [one for one in log.objects if one.seq != 4]


def object_without_its_row(log: Log) -> None:
    log.objects.append(ObjectRow("r", 77, "cup", 1))


def track_without_its_event(log: Log) -> None:
    log.tracks.insert(0, TrackRecord("s", 4, 1, -1))


def sleeper_wrote_a_row(log: Log) -> None:
    log.rows[3] = replace(log.rows[3], produced_ns=1)


def track_of_a_new_owner_went_back(log: Log) -> None:
    log.tracks[2] = replace(log.tracks[2], seq=1)


def track_of_an_old_owner_came_late(log: Log) -> None:
    log.tracks.append(TrackRecord("r", 4, 1, 4))


def last_track_missing(log: Log) -> None:
    log.tracks.pop()


def pose_differs(log: Log) -> None:
    log.events[3] = replace(log.events[3], poses=dict(log.events[3].poses) | {"cup": 5})
    log.objects[6] = replace(log.objects[6], pose=5)


def row_differs_from_the_event(log: Log) -> None:
    log.objects[0] = replace(log.objects[0], pose=5)


BAD: list[tuple[str, str, Callable[[Log], None]]] = [
    ("lost", "frames topic: frames 2", frame_gone),
    ("lost", "poses topic: frames 2", answer_gone),
    ("lost", "pose_events: frames 2", row_gone),
    ("duplicate", "frames topic: frames 5", frame_twice),
    ("duplicate", "poses topic: frames 5", event_twice),
    ("duplicate", "pose_events: frames 5", row_twice),
    ("duplicate", "object_poses: frames 5", object_twice),
    ("reordered", "frames topic: frame 1 first comes after frame 2", frames_swapped),
    ("reordered", "poses topic: frame 1 first comes after frame 2", events_swapped),
    ("reordered", "pose_events: frame 0 first comes after frame 4", row_stored_before_the_one_before_it),
    ("torn", "poses topic: event 3 has objects ['cup']", event_without_an_object),
    ("torn", "pose_events: frame 4 has object rows []", row_without_its_objects),
    ("torn", "object_poses: frame 77 of run r has no event row", object_without_its_row),
    ("torn", "tracks topic: track of frame 4, epoch 1, has no event", track_without_its_event),
    ("stale", "pose_events: the row of frame 3 is not of the first event in the topic", sleeper_wrote_a_row),
    ("stale", "tracks topic: frame 1, epoch 2 after frame 3, epoch 1", track_of_a_new_owner_went_back),
    ("stale", "tracks topic: frame 4, epoch 1 after frame 5, epoch 2", track_of_an_old_owner_came_late),
    ("stale", "tracks topic: the last track is of frame 3 of 6", last_track_missing),
    ("wrong", "poses topic: pose of frame 3 is not the one without a fault", pose_differs),
    ("wrong", "object_poses: cup of frame 0 is not as in the topic", row_differs_from_the_event),
]


@pytest.mark.parametrize(("kind", "what", "spoil"), BAD, ids=[one[2].__name__ for one in BAD])
def test_a_bad_log_is_found(kind: str, what: str, spoil: Callable[[Log], None]) -> None:
    log = good()
    spoil(log)
    found = check(log, expected())
    assert (kind, what) in [(one.kind, one.what) for one in found]
    assert {one.kind for one in found} <= set(KINDS)


def test_every_kind_of_anomaly_has_a_bad_log() -> None:
    assert {kind for kind, _, _ in BAD} == set(KINDS)


def test_at_least_once_may_repeat_events_and_bear_a_sleepers_track() -> None:
    log = good()
    event_twice(log)
    track_of_an_old_owner_came_late(log)
    assert check(log, expected(exactly_once=False)) == []


def test_a_repeated_event_with_another_pose_is_wrong_in_any_mode() -> None:
    log = good()
    log.events.append(replace(event(2, 99), poses={"cup": 1, "lid": 2}))
    assert [one.kind for one in check(log, expected(exactly_once=False))] == ["wrong"]


def test_live_frames_may_be_missing_where_that_is_said() -> None:
    log = good()
    without(log, 2)
    assert {one.kind for one in check(log, expected(all_frames=False))} == {"lost"}
    log.events[2] = replace(log.events[2], skipped=(2, 2))
    assert check(log, expected(all_frames=False)) == []
    without(log, 4)
    log.explained.append(("r", (4, 4)))
    assert check(log, expected(all_frames=False)) == []
    assert {one.kind for one in check(log, expected())} == {"lost"}, "mode all has no excuse"


def test_a_frame_that_cannot_be_read_must_have_no_answer() -> None:
    log = good()
    assert [one.kind for one in check(log, expected(refused=frozenset({2})))] == ["wrong"]
    without(log, 2)
    assert check(log, expected(refused=frozenset({2}))) == []


def test_numbers_are_told_as_spans() -> None:
    assert spans([9, 3, 4, 5, 7]) == "3-5, 7, 9"
    assert spans([]) == ""


def test_an_end_that_nobody_struck_is_librdkafkas_only_with_its_signal_and_its_words() -> None:
    words = "METADATAUPDATE|rdkafka#consumer-4| [thrd:main]: Partition poses(m85y4)[0]: new leader63 not found in cache"
    assert of_librdkafka(f"sink ended with -11: {words}")
    assert not of_librdkafka(f"sink ended with -9: {words}")
    assert not of_librdkafka("sink ended with -11: Segmentation fault")
