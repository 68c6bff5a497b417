"""Finds what a fault did to a job: frames lost, doubled, reordered, torn, stale or answered wrongly.

It knows topics and tables only. The rules are those that docs/guarantees.md gives to readers: in mode of delivery
``at_least_once`` the first of equal events counts, of tracks the highest (epoch, seq).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from tests.chaos.log import Event, Log, TrackRecord

KINDS = ("lost", "duplicate", "reordered", "torn", "stale", "wrong")


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something that must not be, and where."""

    kind: str
    what: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What a job's log must hold.

    Attributes:
        run: The run; the whole job has no other.
        frames: How many pictures its source has: numbers 0 to this one less 1.
        objects: Of the job.
        exactly_once: Whether an event twice in the topic is an anomaly.
        all_frames: Whether a frame without an answer is one even where it is explained.
        refused: Frames that must have no answer, since they cannot be read.
        poses: Frame -> object -> CRC of the pose without any fault; frames that are left out are not compared.
    """

    run: str
    frames: int
    objects: frozenset[str]
    exactly_once: bool
    all_frames: bool = True
    refused: frozenset[int] = frozenset()
    poses: Mapping[int, Mapping[str, int]] = field(default_factory=dict[int, Mapping[str, int]])


def check(log: Log, expected: Expected) -> list[Anomaly]:
    """All anomalies of a job's log."""
    return [
        *_lost(log, expected),
        *_duplicate(log, expected),
        *_reordered(log),
        *_torn(log, expected),
        *_stale(log, expected),
        *_wrong(log, expected),
    ]


def _lost(log: Log, expected: Expected) -> Iterator[Anomaly]:
    explained = {seq for run, (first, last) in log.explained if run == expected.run for seq in range(first, last + 1)}
    skipped = {s for event in log.events if event.skipped for s in range(event.skipped[0], event.skipped[1] + 1)}
    excused = expected.refused if expected.all_frames else expected.refused | explained | skipped
    wanted = set(range(expected.frames)) - excused
    answered = {event.seq for event in log.events if event.run == expected.run}
    places = {
        "frames topic": {one.seq for one in log.sent if one.run == expected.run} | explained,
        "poses topic": answered,
        "pose_events": {row.seq for row in log.rows if row.run == expected.run},
    }
    for place, there in places.items():
        if missing := wanted - there:
            yield Anomaly("lost", f"{place}: frames {spans(missing)}")
    if told := expected.refused & answered:
        yield Anomaly("wrong", f"poses topic: answers to frames that cannot be read: {spans(told)}")
    yield from _lost_behind_the_topic(log, answered)


def _lost_behind_the_topic(log: Log, answered: set[int]) -> Iterator[Anomaly]:
    """An event that readers saw must be in the tables, whatever is expected."""
    if missing := answered - {row.seq for row in log.rows}:
        yield Anomaly("lost", f"pose_events: events {spans(missing)} are in the topic only")


def _duplicate(log: Log, expected: Expected) -> Iterator[Anomaly]:
    counted = {
        "frames topic": Counter((one.run, one.seq) for one in log.sent),
        "pose_events": Counter((row.run, row.seq) for row in log.rows),
        "object_poses": Counter((row.run, row.seq, row.object_id) for row in log.objects),
    }
    if expected.exactly_once:
        counted["poses topic"] = Counter((event.run, event.seq) for event in log.events)
    for place, counts in counted.items():
        if doubled := {key[1] for key, count in counts.items() if count > 1}:
            yield Anomaly("duplicate", f"{place}: frames {spans(doubled)}")


def _reordered(log: Log) -> Iterator[Anomaly]:
    orders: dict[str, Iterable[tuple[str, int]]] = {
        "frames topic": ((one.run, one.seq) for one in sorted(log.sent, key=lambda one: one.offset)),
        "poses topic": ((one.run, one.seq) for one in sorted(log.events, key=lambda one: one.offset)),
        "pose_events": ((row.run, row.seq) for row in sorted(log.rows, key=lambda row: (row.stored_at_s, row.seq))),
    }
    for place, order in orders.items():
        firsts = list(dict.fromkeys(order))
        for (run, before), (next_run, after) in pairwise(firsts):
            if run == next_run and after < before:
                yield Anomaly("reordered", f"{place}: frame {after} first comes after frame {before}")


def _torn(log: Log, expected: Expected) -> Iterator[Anomaly]:
    events = {(event.run, event.seq) for event in log.events}
    rows = {(row.run, row.seq) for row in log.rows}
    objects: dict[tuple[str, int], set[str]] = {}
    for row in log.objects:
        objects.setdefault((row.run, row.seq), set()).add(row.object_id)
    for event in log.events:
        if set(event.poses) != expected.objects:
            yield Anomaly("torn", f"poses topic: event {event.seq} has objects {sorted(event.poses)}")
    for run, seq in sorted(rows):
        if objects.get((run, seq), set()) != expected.objects:
            found = sorted(objects.get((run, seq), set()))
            yield Anomaly("torn", f"pose_events: frame {seq} has object rows {found}")
    for run, seq in sorted(objects.keys() - rows):
        yield Anomaly("torn", f"object_poses: frame {seq} of run {run} has no event row")
    for track in log.tracks:
        if (track.run, track.seq) not in events and track.seq not in expected.refused and expected.all_frames:
            yield Anomaly("torn", f"tracks topic: track of frame {track.seq}, epoch {track.epoch}, has no event")


def _stale(log: Log, expected: Expected) -> Iterator[Anomaly]:
    yield from _stale_tracks(log.tracks, expected)
    firsts = _firsts(log.events)
    for row in log.rows:
        first = firsts.get((row.run, row.seq))
        if first and first.produced_ns != row.produced_ns:
            yield Anomaly("stale", f"pose_events: the row of frame {row.seq} is not of the first event in the topic")


def _stale_tracks(tracks: list[TrackRecord], expected: Expected) -> Iterator[Anomaly]:
    """By a reader's rule the highest (epoch, seq) counts, so a track goes back where a higher epoch has a lower seq.

    A lower epoch after a higher one is a sleeper's write: without harm to readers, and in a transaction impossible.
    """
    newest: TrackRecord | None = None
    for track in sorted(tracks, key=lambda track: track.offset):
        if newest and track.run == newest.run:
            behind = (track.epoch, track.seq) < (newest.epoch, newest.seq)
            back = track.epoch > newest.epoch and track.seq < newest.seq
            if back or (behind and expected.exactly_once):
                text = f"frame {track.seq}, epoch {track.epoch} after frame {newest.seq}, epoch {newest.epoch}"
                yield Anomaly("stale", f"tracks topic: {text}")
            if behind:
                continue
        newest = track
    if newest and expected.all_frames and newest.seq != expected.frames - 1:
        yield Anomaly("stale", f"tracks topic: the last track is of frame {newest.seq} of {expected.frames}")


def _wrong(log: Log, expected: Expected) -> Iterator[Anomaly]:
    for event in log.events:
        good = expected.poses.get(event.seq)
        if good is not None and dict(event.poses) != dict(good):
            yield Anomaly("wrong", f"poses topic: pose of frame {event.seq} is not the one without a fault")
    firsts = _firsts(log.events)
    for row in log.objects:
        first = firsts.get((row.run, row.seq))
        if first and first.poses.get(row.object_id) != row.pose:
            yield Anomaly("wrong", f"object_poses: {row.object_id} of frame {row.seq} is not as in the topic")


def _firsts(events: list[Event]) -> dict[tuple[str, int], Event]:
    found: dict[tuple[str, int], Event] = {}
    for event in sorted(events, key=lambda event: event.offset):
        found.setdefault((event.run, event.seq), event)
    return found


def spans(numbers: Iterable[int]) -> str:
    """Numbers as ``3-7, 9``."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in found)
