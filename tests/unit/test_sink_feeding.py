"""Producers of jobs with a source, on topics in memory, with processes that the test ends."""

from collections.abc import Iterator

import pytest

from consumers.book import JobBook
from schemas import Job, JobObject, JobStatus, StatusEvent, StatusKind
from schemas.topics import STATUS
from sink.feeding.supervisor import Supervisor
from tests.unit.consumers_world import World


class FakeProcess:
    """Ends when it is asked to, unless it is stubborn."""

    def __init__(self, *, stubborn: bool = False) -> None:
        self.ended: int | None = None
        self.asked = 0
        self.killed = False
        self._stubborn = stubborn

    def code(self) -> int | None:
        return self.ended

    def last_words(self) -> str:
        return "the camera is away"

    def end(self) -> None:
        self.asked += 1
        if not self._stubborn:
            self.ended = 75

    def kill(self) -> None:
        self.killed, self.ended = True, -9


class Fed:
    """A world with one job that has a source."""

    def __init__(self) -> None:
        self.world = World()
        self.book = JobBook(self.world.broker, self.world.codec, 2, now_ns=lambda: int(self.world.now_s * 1e9))
        self.started: list[tuple[str, bool, FakeProcess]] = []
        self.stubborn = False
        self.make("a")
        self._ledger = self.book.ledger()
        self.ledger = self._ledger.__enter__()
        self.supervisor = Supervisor(self.start, 2, lambda: self.world.now_s)

    def make(self, job_id: str, source: str = "synthetic:", **fields: int) -> None:
        self.book.create(Job(job_id, (JobObject("cube", "cube.ply"),), source=source, **fields))

    def start(self, job: Job, once: bool) -> FakeProcess:
        self.started.append((job.id, once, FakeProcess(stubborn=self.stubborn)))
        return self.started[-1][2]

    def after_s(self, seconds: float) -> list[str]:
        """Jobs whose producers were started in all, so much later."""
        self.world.now_s += seconds
        self.supervisor.look(self.book, self.ledger)
        return [job_id for job_id, _, _ in self.started]

    def tell(self, *states: JobStatus) -> None:
        for state in states:
            event = StatusEvent("a", "", StatusKind.JOB, int(self.world.now_s * 1e9), state.value, "why")
            self.world.put(STATUS, self.book.job("a").partition, "a", event)

    @property
    def last(self) -> FakeProcess:
        return self.started[-1][2]

    def close(self) -> None:
        self._ledger.__exit__(None, None, None)


@pytest.fixture
def fed() -> Iterator[Fed]:
    made = Fed()
    yield made
    made.close()


def test_a_job_with_a_source_is_fed_and_one_without_is_not(fed: Fed) -> None:
    fed.make("b", source="")
    assert fed.after_s(0) == ["a"]
    assert fed.after_s(10) == ["a"]
    assert fed.supervisor.running() == 1


def test_a_producer_that_fails_is_started_again_with_growing_waits_and_told_of(fed: Fed) -> None:
    fed.after_s(0)
    for wait_s in (1, 2, 4, 8, 16, 32, 60, 60):
        fed.last.ended = 1
        count = len(fed.after_s(0))
        assert len(fed.after_s(wait_s - 0.1)) == count
        assert len(fed.after_s(0.2)) == count + 1
    told = [status.reason for status in fed.world.statuses(StatusKind.STREAM)]
    assert told[0] == "its producer ended (1): the camera is away; it is started again in 1 s"
    assert len(told) == 8
    assert all(once for _, once, _ in fed.started)


def test_waits_begin_anew_after_a_minute_that_went_well(fed: Fed) -> None:
    fed.after_s(0)
    for _ in range(4):
        fed.last.ended = 1
        fed.after_s(0)
        fed.after_s(10)
    fed.after_s(61)
    fed.last.ended = 1
    count = len(fed.after_s(0))
    assert len(fed.after_s(1.1)) == count + 1


@pytest.mark.parametrize("state", [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED])
def test_a_job_that_is_over_is_not_fed_any_more(fed: Fed, state: JobStatus) -> None:
    fed.after_s(0)
    fed.tell(JobStatus.QUEUED, JobStatus.PROCESSING, state)
    fed.after_s(0)
    assert fed.last.asked == 1
    assert fed.after_s(100) == ["a"]
    assert fed.supervisor.running() == 0


def test_cancel_and_remove_end_the_producer_and_pause_leaves_it_to_the_producer(fed: Fed) -> None:
    fed.make("b")
    fed.after_s(0)
    (_, _, a), (_, _, b) = fed.started
    fed.book.pause("a")
    fed.after_s(1)
    assert (a.asked, b.asked) == (0, 0)
    fed.book.cancel("a")
    fed.book.remove("b")
    fed.after_s(0)
    assert (a.asked, b.asked) == (1, 1)
    assert len(fed.after_s(100)) == 2


def test_one_that_does_not_end_is_killed(fed: Fed) -> None:
    fed.stubborn = True
    fed.after_s(0)
    fed.book.cancel("a")
    fed.after_s(1)
    fed.after_s(14)
    assert (fed.last.asked, fed.last.killed, fed.supervisor.running()) == (1, False, 1)
    fed.after_s(2)
    assert (fed.last.asked, fed.last.killed, fed.supervisor.running()) == (1, True, 0)


def test_the_end_of_the_source_is_the_end_and_a_retry_plays_it_again(fed: Fed) -> None:
    fed.after_s(0)
    fed.last.ended = 0
    assert fed.after_s(0) == fed.after_s(100) == ["a"]
    assert fed.world.statuses(StatusKind.STREAM) == []
    fed.tell(JobStatus.QUEUED, JobStatus.FAILED)
    fed.book.retry("a")
    assert fed.after_s(0) == ["a", "a"]
    assert [once for _, once, _ in fed.started] == [True, False]


def test_no_more_than_the_limit_run_and_the_next_begins_where_one_ends(fed: Fed) -> None:
    for job_id, priority in (("b", 5), ("c", 9)):
        fed.make(job_id, priority=priority)
    assert fed.after_s(0) == ["c", "b"]
    fed.started[0][2].ended = 0
    fed.after_s(0)
    assert fed.after_s(0) == ["c", "b", "a"]


def test_nothing_is_left_when_the_service_goes(fed: Fed) -> None:
    fed.make("b")
    fed.after_s(0)
    fed.supervisor.end_all()
    assert [process.ended for _, _, process in fed.started] == [75, 75]
    assert fed.supervisor.running() == 0
