"""All jobs, the states they were told to be in and who is alive, as the topics say."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from consumers.broker import Broker, Partition, Record
from schemas import BadMessage, Heartbeat, Job, JobStatus, MemberKind, StatusEvent, StatusKind, Wanted
from schemas.codec import Codec
from schemas.heartbeat import SILENT_S
from schemas.lifecycle import state_after
from schemas.topics import HEARTBEATS, JOBS, STATUS

_log = logging.getLogger("posestream.consumers")

_READ_TIMEOUT_S = 30.0
_STATUS_BACK = 2000  # records of each partition: the state of a job that was told longer ago is not known
_BEATS_BACK_S = 4 * SILENT_S
_WANTED = {Wanted.PAUSE: JobStatus.PAUSED, Wanted.CANCEL: JobStatus.CANCELLED}


@dataclass(frozen=True, slots=True)
class Told:
    """The state of a job as it was told last.

    Attributes:
        state: The state.
        reason: What was said with it.
        at_ns: When, nanoseconds since the Unix epoch.
    """

    state: JobStatus
    reason: str
    at_ns: int


class Ledger:
    """Reads topics ``jobs``, ``status`` and ``heartbeats`` of all partitions. Not thread-safe.

    Args:
        broker: Where the topics are; they must exist.
        codec: Reads the records.
        partitions: How many partitions the topics have.
        now_ns: Nanoseconds since the Unix epoch.

    Attributes:
        jobs: By id.
        told: By job id; jobs of which nothing was heard are not in it.
        beats: The last beat of each member, by its id; those that left are not in it.
    """

    def __init__(self, broker: Broker, codec: Codec, partitions: int, now_ns: Callable[[], int] = time.time_ns) -> None:
        self.jobs: dict[str, Job] = {}
        self.told: dict[str, Told] = {}
        self.beats: dict[str, Heartbeat] = {}
        self._reader = broker.reader()
        self._codec = codec
        self._partitions = partitions
        self._now_ns = now_ns

    def read(self) -> None:
        """Read what is there now; later records come with ``follow``.

        Raises:
            TimeoutError: The topics could not be read to their end.
            RegistryUnavailable: Nor could their records.
        """
        starts: dict[Partition, int | None] = {}
        since_ms = self._now_ns() // 1_000_000 - round(_BEATS_BACK_S * 1e3)
        for number in range(self._partitions):
            starts[Partition(JOBS, number)] = None
            status, beats = Partition(STATUS, number), Partition(HEARTBEATS, number)
            starts[status] = max(0, self._reader.end(status) - _STATUS_BACK)
            starts[beats] = self._reader.since(beats, since_ms)
        self._learn(self._reader.read_to_end(starts, _READ_TIMEOUT_S))

    def follow(self, timeout_s: float = 0.0) -> None:
        """Take what was said since; waits so long for the first record.

        Raises:
            RegistryUnavailable: As ``read``.
        """
        self._learn(self._reader.read(timeout_s))

    def state(self, job_id: str) -> JobStatus | None:
        """The state of a job; None where nothing was heard of it."""
        told, job = self.told.get(job_id), self.jobs.get(job_id)
        if told is None and job is not None:
            return _WANTED.get(job.wanted)
        return told.state if told else None

    def alive(self, kind: MemberKind, pool: str | None = None) -> list[Heartbeat]:
        """Members that were heard within ``SILENT_S``, those of one pool or of all."""
        since_ns = self._now_ns() - round(SILENT_S * 1e9)
        return [
            beat
            for beat in self.beats.values()
            if beat.kind is kind and beat.at_ns >= since_ns and pool in (None, beat.pool)
        ]

    def close(self) -> None:
        """Let go of the reader."""
        self._reader.close()

    def _learn(self, records: list[Record]) -> None:
        learn = {JOBS: self._learn_job, STATUS: self._learn_status, HEARTBEATS: self._learn_beat}
        for record in records:
            try:
                learn[record.topic](record)
            except BadMessage as error:
                _log.warning("%s@%d left out: %s", record.source, record.offset, error)

    def _learn_job(self, record: Record) -> None:
        job_id = (record.key or b"").decode(errors="replace")
        self.jobs.pop(job_id, None)
        if record.value is not None:
            self.jobs[job_id] = self._codec.decode(record.value, Job)

    def _learn_status(self, record: Record) -> None:
        event = self._codec.decode(record.value or b"", StatusEvent)
        if event.kind is not StatusKind.JOB or event.status not in list(JobStatus):
            return
        before, said = self.told.get(event.job_id), JobStatus(event.status)
        if state_after(before.state if before else None, [said]) is said:
            self.told[event.job_id] = Told(said, event.reason, event.at_ns)

    def _learn_beat(self, record: Record) -> None:
        beat = self._codec.decode(record.value or b"", Heartbeat)
        self.beats[beat.member_id] = beat
        if beat.leaving:
            del self.beats[beat.member_id]
