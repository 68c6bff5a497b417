"""Looks after jobs: those whose worker or producer died are told so, those that failed are tried again.

Frames of a dead worker go to another by the consumer group, with their track; what is left to do is to say so where
there is no other, and to try what failed.
"""

import logging
import threading
import time
from collections.abc import Callable

from confluent_kafka import KafkaException
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from consumers.book import JobBook
from consumers.ledger import Ledger
from schemas import Heartbeat, Job, JobStatus, MemberKind, PosestreamError, Wanted
from schemas.codec import Codec
from schemas.heartbeat import BEAT_S, SILENT_S
from sink.jobs import job_book
from sink.leading import leads

_log = logging.getLogger("posestream.sink")

_ROUND_S = 1.0
_FIRST_RETRY_S, _LONGEST_RETRY_S = 1.0, 300.0
_LOCK = 0x77617463  # "watc": one process of those on a database watches


class Watchman:
    """Not thread-safe.

    Args:
        book: Where states are told.
        ledger: What is known; read already.
        now_ns: Nanoseconds since the Unix epoch.
    """

    def __init__(self, book: JobBook, ledger: Ledger, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._book = book
        self._ledger = ledger
        self._now_ns = now_ns
        self._since_ns = now_ns()

    def look(self) -> None:
        """One round: take the news, then do what is due.

        Raises:
            Overloaded: Kafka, the registry or the queue have no room now; the next round does it again.
        """
        self._ledger.follow()
        for job in list(self._ledger.jobs.values()):
            if job.wanted is Wanted.RUN:
                self._look_at(job)
        for beat in list(self._ledger.beats.values()):
            if self._silent_s(beat.at_ns) > SILENT_S:
                self._bury(beat)

    def _look_at(self, job: Job) -> None:
        told = self._ledger.told.get(job.id)
        if told is None:
            return
        heard_out = self._silent_s(max(told.at_ns, self._since_ns)) > SILENT_S  # all that live have beaten by now
        if told.state is JobStatus.PROCESSING and heard_out and not self._ledger.alive(MemberKind.WORKER, job.pool):
            reason = f"its worker died: none of pool {job.pool} was heard for {SILENT_S:g} s"
            self._book.tell(job, told.state, JobStatus.QUEUED, reason)
        pause_s = min(_LONGEST_RETRY_S, _FIRST_RETRY_S * 2.0 ** min(job.attempt, 20))
        if told.state is JobStatus.FAILED and job.attempt < job.retries and self._silent_s(told.at_ns) > pause_s:
            self._book.retry(job.id, f"attempt {job.attempt + 1} of {job.retries}")

    def _bury(self, beat: Heartbeat) -> None:
        """A dead member is told of once; a producer's run waits for somebody to go on with it."""
        del self._ledger.beats[beat.member_id]
        _log.warning("%s %s was not heard for %g s", beat.kind, beat.member_id, SILENT_S)
        for one in beat.jobs if beat.kind is MemberKind.PRODUCER else ():
            job = self._ledger.jobs.get(one.job_id)
            if job is not None:
                reason = f"its producer died: {beat.member_id} was not heard for {SILENT_S:g} s, after frame {one.seq}"
                self._book.note(job, one.run_id, reason)

    def _silent_s(self, at_ns: int) -> float:
        return (self._now_ns() - at_ns) / 1e9


def watch(kafka: str, codec: Codec, engine: Engine, stop: threading.Event) -> None:
    """Watch until ``stop``, while no other process on the same database does; blocking.

    Whatever is away is waited for: watching is no reason to end the sink.
    """
    while not stop.is_set():
        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                if leads(connection, _LOCK):
                    _log.info("this process looks after the jobs")
                    _watch(kafka, codec, connection, stop)
        except (SQLAlchemyError, KafkaException, PosestreamError, TimeoutError) as error:
            _log.warning("jobs are not looked after right now: %s", error)
        stop.wait(BEAT_S)


def _watch(kafka: str, codec: Codec, connection: Connection, stop: threading.Event) -> None:
    book = job_book(kafka, codec)
    try:
        with book.ledger() as ledger:
            watchman = Watchman(book, ledger)
            while not stop.wait(_ROUND_S):
                connection.execute(text("SELECT 1"))  # the lock is gone with the connection
                watchman.look()
    finally:
        connection.invalidate()  # and with it the lock, also where the database does not answer
