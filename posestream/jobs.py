"""The book of jobs: the compacted topic ``jobs``, read and written."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from consumers.broker import Broker, Partition
from schemas import Job, JobStatus, PosestreamError, StatusEvent, StatusKind
from schemas.codec import Codec
from schemas.topics import JOBS, STATUS

_READ_TIMEOUT_S = 30.0
_WRITE_TIMEOUT_S = 30.0


class NoSuchJob(PosestreamError):
    """The book holds no job of that id."""


class JobExists(PosestreamError):
    """The book holds a job of that id already."""


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

    def jobs(self) -> dict[str, Job]:
        """All jobs by id, as the topic ends now."""
        reader = self._broker.reader()
        starts = {Partition(JOBS, number): None for number in range(self._partitions)}
        try:
            records = reader.read_to_end(starts, _READ_TIMEOUT_S)
        finally:
            reader.close()
        found: dict[str, Job] = {}
        for record in records:
            job_id = (record.key or b"").decode(errors="replace")
            found.pop(job_id, None)
            if record.value is not None:
                found[job_id] = self._codec.decode(record.value, Job)
        return found

    def job(self, job_id: str) -> Job:
        """One job.

        Raises:
            NoSuchJob: There is none of that id; the message names those that there are.
        """
        jobs = self.jobs()
        if job_id not in jobs:
            msg = f"job {job_id}: expected one of {', '.join(sorted(jobs)) or '(no job yet)'}"
            raise NoSuchJob(msg)
        return jobs[job_id]

    def create(self, job: Job) -> Job:
        """Write a new job, on the partition of its pool that has the fewest jobs.

        Returns:
            The job with its partition.

        Raises:
            JobExists: A job of that id is there already.
        """
        jobs = self.jobs()
        if job.id in jobs:
            msg = f"job {job.id}: exists already, made for estimator {jobs[job.id].estimator}; remove it first"
            raise JobExists(msg)
        load = Counter(other.partition for other in jobs.values() if other.pool == job.pool)
        placed = replace(job, partition=min(range(self._partitions), key=lambda number: (load[number], number)))
        status = self._status(placed, JobStatus.PENDING, "created")
        self._write(placed, self._codec.encode(JOBS, placed), status)
        return placed

    def remove(self, job_id: str) -> None:
        """Take a job away: workers forget its track, its results stay.

        Raises:
            NoSuchJob: There is none of that id.
        """
        job = self.job(job_id)
        self._write(job, None, self._status(job, JobStatus.CANCELLED, "removed"))

    def _status(self, job: Job, status: JobStatus, reason: str) -> StatusEvent:
        return StatusEvent(job.id, "", StatusKind.JOB, self._now_ns(), status.value, reason)

    def _write(self, job: Job, value: bytes | None, status: StatusEvent) -> None:
        producer = self._broker.producer()
        try:
            key = job.id.encode()
            producer.send(Partition(JOBS, job.partition), key, value)
            producer.send(Partition(STATUS, job.partition), key, self._codec.encode(STATUS, status))
            producer.flush(_WRITE_TIMEOUT_S)
        finally:
            producer.close()
