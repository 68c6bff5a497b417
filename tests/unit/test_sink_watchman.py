"""Jobs whose worker or producer died, and those that failed, on topics in memory."""

from collections.abc import Iterator

import pytest

from consumers.book import JobBook
from schemas import Heartbeat, Job, JobObject, JobProgress, JobStatus, MemberKind, StatusEvent, StatusKind
from schemas.heartbeat import SILENT_S
from schemas.topics import HEARTBEATS, STATUS
from sink.watchman import Watchman
from tests.unit.consumers_world import World

JOB = Job("a", (JobObject("cube", "cube.ply"),), retries=2)


class Watched:
    """A world with one job, somebody who beats, and the watchman."""

    def __init__(self) -> None:
        self.world = World()
        self.book = JobBook(self.world.broker, self.world.codec, 2, now_ns=self.now_ns)
        self.book.create(JOB)
        self._ledger = self.book.ledger()
        self.man = Watchman(self.book, self._ledger.__enter__(), self.now_ns)

    def now_ns(self) -> int:
        return int(self.world.now_s * 1e9)

    def beat(self, kind: MemberKind, *, leaving: bool = False) -> None:
        progress = JobProgress("a", "run", 7, 0, 30.0, 0)
        beat = Heartbeat("m", kind, "default", "host", self.now_ns(), 0, (progress,), leaving)
        self.world.put(HEARTBEATS, 0, "m", beat)

    def tell(self, *states: JobStatus) -> None:
        for state in states:
            self.world.put(STATUS, 0, "a", StatusEvent("a", "", StatusKind.JOB, self.now_ns(), state.value, "why"))

    def pass_s(self, seconds: float) -> None:
        self.world.now_s += seconds
        self.man.look()

    def last(self) -> tuple[str, str]:
        told = self.world.statuses(StatusKind.JOB)[-1]
        return told.status, told.reason

    def close(self) -> None:
        self._ledger.__exit__(None, None, None)


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    yield made
    made.close()


def test_a_job_whose_workers_are_all_silent_goes_back_to_the_queue(watched: Watched) -> None:
    watched.beat(MemberKind.WORKER)
    watched.tell(JobStatus.QUEUED, JobStatus.PROCESSING)
    watched.pass_s(SILENT_S - 1)
    watched.beat(MemberKind.WORKER)
    watched.pass_s(2)
    assert watched.last()[0] == "processing"
    watched.pass_s(SILENT_S)
    assert watched.last() == ("queued", "its worker died: none of pool default was heard for 10 s")
    watched.pass_s(SILENT_S)
    assert [told.status for told in watched.world.statuses(StatusKind.JOB)].count("queued") == 2  # once by each


def test_a_producer_that_died_is_told_once_and_one_that_left_is_not(watched: Watched) -> None:
    watched.beat(MemberKind.PRODUCER)
    watched.pass_s(1)
    watched.pass_s(SILENT_S)
    watched.pass_s(1)
    (told,) = watched.world.statuses(StatusKind.STREAM)
    assert (told.run_id, told.reason) == ("run", "its producer died: m was not heard for 10 s, after frame 7")
    watched.beat(MemberKind.PRODUCER)
    watched.beat(MemberKind.PRODUCER, leaving=True)
    watched.pass_s(1)
    watched.pass_s(SILENT_S)
    assert len(watched.world.statuses(StatusKind.STREAM)) == 1


def test_a_failed_job_is_tried_again_after_growing_pauses_and_not_more_often_than_it_may(watched: Watched) -> None:
    at_s: list[float] = []
    watched.tell(JobStatus.FAILED)
    watched.pass_s(0.5)
    assert watched.last()[0] == "failed"
    began_s = watched.world.now_s
    for _ in range(20):
        watched.pass_s(0.5)
        if watched.last()[0] == "queued":
            at_s.append(watched.world.now_s - began_s)
            watched.man.look()
            watched.tell(JobStatus.FAILED)
    assert len(at_s) == 2
    assert at_s[1] - at_s[0] > at_s[0] >= 0.5
    assert watched.book.job("a").attempt == 2
    assert watched.last()[0] == "failed"


def test_a_paused_job_is_left_alone(watched: Watched) -> None:
    watched.tell(JobStatus.QUEUED, JobStatus.PROCESSING)
    watched.book.pause("a")
    watched.pass_s(3 * SILENT_S)
    assert watched.last() == ("paused", "paused")
