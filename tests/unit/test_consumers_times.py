"""Times of a frame on its way: cameras' clocks, ages, and the trace that it carries."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.broker import Partition
from consumers.clocks import BACKWARDS, JUMPED, REPEATED, CaptureClock
from schemas import StatusKind
from schemas.topics import POSES, TRACKS
from schemas.traces import is_traceparent, new_traceparent, traceparent_of
from tests.unit.consumers_world import FRAMES, TRACE, Worker, World, frame

SECOND_NS = 1_000_000_000
STEP_NS = SECOND_NS // 30


@pytest.fixture
def world() -> World:
    return World()


def judged(clock: CaptureClock, captured_ns: list[int], start: int = 0) -> Iterator[tuple[str, str]]:
    """Frames published every 1/30 s."""
    for seq, at_ns in enumerate(captured_ns, start):
        yield clock.judge("run", seq, at_ns, seq * STEP_NS)


def test_each_way_that_a_clock_goes_wrong_is_flagged_and_told_once() -> None:
    clock = CaptureClock()
    times = [n * STEP_NS for n in (0, 1, 1, 0, 60, 61)]
    flags, told = zip(*judged(clock, times), strict=True)
    assert flags == ("", "", REPEATED, BACKWARDS, JUMPED, "")
    assert told[2] == "capture clock repeated: +0.000 s after the frame before, published +0.033 s after it"
    assert [bool(text) for text in told] == [False, False, True, False, False, False]
    good = list(judged(clock, [(62 + n) * STEP_NS for n in range(40)], start=6))
    assert [text for _, text in good if text] == ["capture clock runs forward again: 3 frames were flagged"]
    assert good[28][1]  # the thirtieth good frame


def test_a_new_run_begins_anew_and_a_frame_asked_again_keeps_its_flag() -> None:
    clock = CaptureClock()
    assert clock.judge("one", 5, 100 * SECOND_NS, 0) == ("", "")
    assert clock.judge("one", 6, SECOND_NS, STEP_NS)[0] == BACKWARDS
    assert clock.judge("one", 6, SECOND_NS, STEP_NS) == (BACKWARDS, "")
    assert clock.judge("two", 0, 5, 2 * STEP_NS) == ("", "")
    assert clock.judge("two", 1, 5 + STEP_NS, 3 * STEP_NS) == ("", "")


@given(st.lists(st.integers(0, 900_000_000), max_size=50), st.floats(0.25, 4))
def test_a_camera_that_is_late_or_played_at_another_speed_is_not_flagged(pauses_ns: list[int], speed: float) -> None:
    clock, captured_ns, published_ns = CaptureClock(), 0, 0.0
    for seq, pause_ns in enumerate(pauses_ns):
        captured_ns += pause_ns // 4 + 1
        published_ns += (pause_ns // 4 + 1) / speed
        assert clock.judge("run", seq, captured_ns, round(published_ns)) == ("", "")


def test_a_frame_with_a_clock_that_ran_back_is_answered_and_says_so(world: World) -> None:
    world.job()
    times = [5 * SECOND_NS, 5 * SECOND_NS + STEP_NS, SECOND_NS, SECOND_NS + STEP_NS]
    world.frames(*(frame("a", seq, captured_ns=at_ns) for seq, at_ns in enumerate(times)))
    Worker(world).rounds(6)
    assert [(event.seq, event.capture_clock) for event in world.events()] == [(0, ""), (1, ""), (2, BACKWARDS), (3, "")]
    (status,) = world.statuses(StatusKind.STREAM)
    assert status.reason.startswith("capture clock backwards: -4.033 s after the frame before")
    assert status.frames is not None
    assert (status.run_id, status.frames.first, status.frames.last) == ("run", 2, 2)


def test_what_is_kept_of_a_job_goes_with_it(world: World) -> None:
    job = world.job()
    worker = Worker(world)
    world.frames(*(frame("a", seq) for seq in range(3)))
    worker.rounds(5)
    assert "a" in labelled(worker)
    world.put("jobs", 0, job.id, None)
    worker.rounds(3)
    assert labelled(worker) == set()


def labelled(worker: Worker) -> set[str]:
    """Jobs that have a series."""
    families = worker.metrics.registry.collect()
    return {sample.labels["job"] for family in families for sample in family.samples if "job" in sample.labels}


def test_a_trace_goes_through_event_and_track_and_one_that_is_not_valid_is_made_anew(world: World) -> None:
    world.job()
    producer = world.broker.producer()
    value = world.codec.encode(FRAMES, frame("a", 1))
    world.frames(frame("a", 0))
    producer.send(Partition(FRAMES, 0), b"a", value, (("traceparent", b"00-bad\0trace"),))
    Worker(world).rounds(4)
    first, second = world.events()
    assert first.traceparent == TRACE
    assert second.traceparent == traceparent_of("a/run/1")
    for event, record in zip((first, second), world.broker.records(Partition(POSES, 0)), strict=True):
        assert record.headers == (("traceparent", event.traceparent.encode()),)
    tracks = world.broker.records(Partition(TRACKS, 0))
    assert tracks[-1].headers == (("traceparent", second.traceparent.encode()),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        f"00-{'0' * 32}-{'cd' * 8}-01",
        f"00-{'ab' * 16}-{'0' * 16}-01",
        f"ff-{'ab' * 16}-{'cd' * 8}-01",
        f"00-{'AB' * 16}-{'cd' * 8}-01",
        f"00-{'ab' * 16}-{'cd' * 8}-01\n",
        f"00-{'ab' * 16}-{'cd' * 8}-01-more",
    ],
)
def test_what_the_standard_forbids_is_no_trace(text: str) -> None:
    assert not is_traceparent(text)


def test_new_traces_are_valid_differ_and_are_sampled_by_their_share() -> None:
    made = [new_traceparent() for _ in range(100)]
    assert all(is_traceparent(one) and one.endswith("-01") for one in made)
    assert len({one[3:35] for one in made}) == 100
    assert {new_traceparent(0.0)[-2:] for _ in range(100)} == {"00"}
    sampled = sum(new_traceparent(0.3).endswith("01") for _ in range(5000))
    assert 1300 < sampled < 1700  # six standard deviations of 32
    assert is_traceparent(traceparent_of("a/run/1"))
    assert traceparent_of("a/run/1") == traceparent_of("a/run/1") != traceparent_of("a/run/2")
