"""Keeps a producer running for each job that has a source, for as long as the job lives."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from consumers.book import JobBook
from consumers.ledger import Ledger
from schemas import Job, JobStatus, Wanted

_log = logging.getLogger("posestream.sink.feeding")

OVER = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_STEADY_S = 60.0  # one that ran for so long was a good one
_PATIENCE_S = 15.0  # to end when it is asked to


class Process(Protocol):
    """A producer's process; see ``sink.feeding.commands.Feeder``."""

    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        ...

    def last_words(self) -> str:
        """The last line that it said, once it has ended."""
        ...

    def end(self) -> None:
        """Ask it to end; may be asked again."""
        ...

    def kill(self) -> None:
        """End it now."""
        ...


@dataclass(slots=True)
class _Feed:
    """What is known of one job's producer.

    Attributes:
        attempt: Of the job, that this is for.
        once: The first look at the job: a run that came to its end before is not begun again.
        over: The source came to its end.
    """

    attempt: int
    due_s: float
    once: bool = True
    process: Process | None = None
    started_s: float = 0.0
    asked_s: float | None = None
    failures: int = 0
    over: bool = False


class Supervisor:
    """Not thread-safe.

    Args:
        feed: Starts a producer: the job, and whether a run that came to its end is left alone.
        most: Producers at a time.
        clock_s: Monotonic seconds.
    """

    def __init__(
        self, feed: Callable[[Job, bool], Process], most: int, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._feed, self._most, self._clock_s = feed, most, clock_s
        self._feeds: dict[str, _Feed] = {}

    def look(self, book: JobBook, ledger: Ledger) -> None:
        """One round: take the news, end what should not run, start what should.

        Args:
            book: Where it is told that a producer failed.
            ledger: What is known; read already.

        Raises:
            Overloaded: Kafka, the registry or the queue have no room now; the next round does it again.
        """
        ledger.follow()
        fed = {job.id: job for job in ledger.jobs.values() if job.source}
        for job_id in self._feeds.keys() - fed.keys():
            if self._is_ended(self._feeds[job_id]):
                del self._feeds[job_id]
        for job in sorted(fed.values(), key=lambda one: -one.priority):
            self._look_at(job, book, wanted=job.wanted is not Wanted.CANCEL and ledger.state(job.id) not in OVER)

    def running(self) -> int:
        """Producers that run now."""
        return sum(feed.process is not None for feed in self._feeds.values())

    def end_all(self) -> None:
        """End every producer; waits for them, kills what does not end in 15 s."""
        left = list(self._feeds.values())
        while left := [feed for feed in left if not self._is_ended(feed)]:
            time.sleep(0.05)
        self._feeds.clear()

    def _look_at(self, job: Job, book: JobBook, *, wanted: bool) -> None:
        now_s = self._clock_s()
        feed = self._feeds.setdefault(job.id, _Feed(job.attempt, now_s))
        if feed.attempt != job.attempt:  # tried again: from the beginning, where it had come to the end
            feed.attempt, feed.once, feed.over, feed.failures, feed.due_s = job.attempt, False, False, 0, now_s
        if not wanted:
            self._is_ended(feed)
            return
        if feed.process is not None:
            self._reap(job, feed, book)
        elif not feed.over and now_s >= feed.due_s and self.running() < self._most:
            feed.process, feed.started_s, feed.asked_s = self._feed(job, feed.once), now_s, None
            feed.once = True
            _log.info("job %s: its producer was started", job.id)

    def _reap(self, job: Job, feed: _Feed, book: JobBook) -> None:
        """A producer that ended: at the source's end, or to be started again after a wait."""
        assert feed.process is not None  # noqa: S101 - asked by _look_at
        code, now_s = feed.process.code(), self._clock_s()
        if code is None:
            return
        if code == 0:
            feed.process, feed.over = None, True
            return
        failures = 1 if now_s - feed.started_s > _STEADY_S else feed.failures + 1
        wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(failures - 1, 10))
        reason = f"its producer ended ({code}): {feed.process.last_words()}; it is started again in {wait_s:g} s"
        book.note(job, "", reason)  # where this fails, the next round does it all again
        _log.warning("job %s: %s", job.id, reason)
        feed.process, feed.failures, feed.due_s = None, failures, now_s + wait_s

    def _is_ended(self, feed: _Feed) -> bool:
        """Whether no process is left; asks one to end, and kills it when it does not."""
        if feed.process is None:
            return True
        if feed.process.code() is None:
            now_s = self._clock_s()
            if feed.asked_s is None:
                feed.asked_s = now_s
                feed.process.end()
            elif now_s - feed.asked_s > _PATIENCE_S:
                feed.process.kill()
            else:
                return False
            if feed.process.code() is None:
                return False
        feed.process = None
        return True
