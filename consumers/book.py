"""The book of jobs: the compacted topic ``jobs``, read and written, and what people say of a job's state."""

import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace

from consumers.broker import Broker, Partition, PartitionReader
from consumers.ledger import Ledger
from schemas import Job, JobStatus, PosestreamError, Prompt, StatusEvent, StatusKind, Wanted
from schemas.codec import Codec
from schemas.lifecycle import IllegalTransition, checked, may_follow
from schemas.topics import JOBS, PROMPTS, STATUS

_WRITE_TIMEOUT_S = 30.0


class NoSuchJob(PosestreamError):
    """The book holds no job of that id."""


class JobExists(PosestreamError):
    """The book holds a job of that id already."""


def job_in(ledger: Ledger, job_id: str) -> Job:
    """One job of a ledger.

    Raises:
        NoSuchJob: There is none of that id; the message names those that there are.
    """
    if job_id not in ledger.jobs:
        msg = f"job {job_id}: expected one of {', '.join(sorted(ledger.jobs)) or '(no job yet)'}"
        raise NoSuchJob(msg)
    return ledger.jobs[job_id]


class JobBook:
    """Jobs as workers will see them.

    Args:
        broker: Where the topics are; they must exist.
        codec: Reads and writes the records.
        partitions: How many partitions the topics have.
        now_ns: Nanoseconds since the Unix epoch.
    """

    def __init__(self, broker: Broker, codec: Codec, partitions: int, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._broker = broker
        self._codec = codec
        self._partitions = partitions
        self._now_ns = now_ns

    @property
    def codec(self) -> Codec:
        """Reads and writes the records."""
        return self._codec

    def reader(self) -> PartitionReader:
        """A reader of the partitions that jobs lie on, to be closed by whoever asks."""
        return self._broker.reader()

    @contextmanager
    def ledger(self) -> Generator[Ledger]:
        """Jobs, states and members as the topics end now; it can be followed while the block runs."""
        ledger = Ledger(self._broker, self._codec, self._partitions, self._now_ns)
        try:
            ledger.read()
            yield ledger
        finally:
            ledger.close()

    def jobs(self) -> dict[str, Job]:
        """All jobs by id, as the topic ends now."""
        with self.ledger() as ledger:
            return ledger.jobs

    def job(self, job_id: str) -> Job:
        """One job.

        Raises:
            NoSuchJob: There is none of that id; the message names those that there are.
        """
        return self._known(job_id)[0]

    def create(self, job: Job) -> Job:
        """Write a new job, on the partition of its pool that has the fewest jobs that are not over.

        Returns:
            The job with its partition.

        Raises:
            JobExists: A job of that id is there already.
        """
        with self.ledger() as ledger:
            jobs = ledger.jobs
            if job.id in jobs:
                msg = f"job {job.id}: exists already, made for estimator {jobs[job.id].estimator}; remove it first"
                raise JobExists(msg)
            over = {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}
            mates = [one for one in jobs.values() if one.pool == job.pool]
            busy = Counter(one.partition for one in mates if ledger.state(one.id) not in over)
            held = Counter(one.partition for one in mates)
            # one that is over can be fed again: it counts where all else is equal
            place = min(range(self._partitions), key=lambda number: (busy[number], held[number], number))
        placed = replace(job, partition=place)
        self._write(placed, JobStatus.PENDING, "created")
        return placed

    def pause(self, job_id: str, reason: str = "paused") -> Job:
        """Begin no more of its frames; its track is kept.

        Raises:
            NoSuchJob: There is none of that id.
            IllegalTransition: It is over already.
        """
        return self._want(job_id, Wanted.PAUSE, JobStatus.PAUSED, reason)

    def resume(self, job_id: str, reason: str = "resumed") -> Job:
        """Go on with a paused job, from its track.

        Raises:
            NoSuchJob: There is none of that id.
            IllegalTransition: It is not paused.
        """
        job, state = self._known(job_id)
        if state is not JobStatus.PAUSED:
            msg = f"job {job_id} is {state or 'of unknown state'}: expected a paused one to resume"
            raise IllegalTransition(msg)
        return self._write(replace(job, wanted=Wanted.RUN), JobStatus.QUEUED, reason)

    def cancel(self, job_id: str, reason: str = "cancelled") -> Job:
        """End a job for good: its track goes and its frames are skipped; its results stay.

        Raises:
            NoSuchJob: There is none of that id.
            IllegalTransition: It is completed.
        """
        return self._want(job_id, Wanted.CANCEL, JobStatus.CANCELLED, reason)

    def retry(self, job_id: str, reason: str = "") -> Job:
        """Try a failed job again, whatever its limit of retries says; that is for those who do so by themselves.

        Raises:
            NoSuchJob: There is none of that id.
            IllegalTransition: It did not fail.
        """
        job, state = self._known(job_id)
        if state is not JobStatus.FAILED:
            msg = f"job {job_id} is {state or 'of unknown state'}: expected a failed one to try again"
            raise IllegalTransition(msg)
        again = replace(job, attempt=job.attempt + 1, wanted=Wanted.RUN)
        return self._write(again, JobStatus.QUEUED, reason or f"attempt {again.attempt}")

    def tell(self, job: Job, before: JobStatus | None, state: JobStatus, reason: str) -> None:
        """Say that a job is in another state now.

        Raises:
            IllegalTransition: It cannot be, after ``before``.
        """
        checked(job.id, before, state)
        self._send(job, [(STATUS, self._codec.encode(STATUS, self._status(job, state, reason)))])

    def note(self, job: Job, run_id: str, reason: str) -> None:
        """Say something about a stream; kind ``stream``."""
        event = StatusEvent(job.id, run_id, StatusKind.STREAM, self._now_ns(), "", reason)
        self._send(job, [(STATUS, self._codec.encode(STATUS, event))])

    def prompt(self, job: Job, prompt: Prompt) -> None:
        """Say something about an object of a job; its worker applies it at the next frame."""
        self._send(job, [(PROMPTS, self._codec.encode(PROMPTS, prompt))])

    def remove(self, job_id: str) -> None:
        """Take a job away: workers forget its track, its results stay.

        Raises:
            NoSuchJob: There is none of that id.
        """
        job, state = self._known(job_id)
        words: list[tuple[str, bytes | None]] = [(JOBS, None)]
        if may_follow(state, JobStatus.CANCELLED):  # a completed one stays completed
            words.append((STATUS, self._codec.encode(STATUS, self._status(job, JobStatus.CANCELLED, "removed"))))
        self._send(job, words)

    def _known(self, job_id: str) -> tuple[Job, JobStatus | None]:
        with self.ledger() as ledger:
            return job_in(ledger, job_id), ledger.state(job_id)

    def _want(self, job_id: str, wanted: Wanted, state: JobStatus, reason: str) -> Job:
        job, before = self._known(job_id)
        if before is state and job.wanted is wanted:
            return job
        checked(job_id, before, state)
        return self._write(replace(job, wanted=wanted), state, reason)

    def _write(self, job: Job, state: JobStatus, reason: str) -> Job:
        status = self._codec.encode(STATUS, self._status(job, state, reason))
        self._send(job, [(JOBS, self._codec.encode(JOBS, job)), (STATUS, status)])
        return job

    def _status(self, job: Job, status: JobStatus, reason: str) -> StatusEvent:
        return StatusEvent(job.id, "", StatusKind.JOB, self._now_ns(), status.value, reason)

    def _send(self, job: Job, words: list[tuple[str, bytes | None]]) -> None:
        producer = self._broker.producer()
        try:
            for topic, value in words:
                producer.send(Partition(topic, job.partition), job.id.encode(), value)
            producer.flush(_WRITE_TIMEOUT_S)
        finally:
            producer.close()
