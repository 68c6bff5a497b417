"""What the small topics say about the jobs of our partitions: ``jobs``, ``prompts`` and ``status``."""

import logging
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from consumers.broker import Partition, PartitionReader, Record
from consumers.handler import Refused
from schemas import BadMessage, Job, JobStatus, Prompt, SeqRange, StatusEvent, StatusKind
from schemas.codec import Codec
from schemas.event import END_OF_STREAM
from schemas.lifecycle import state_after
from schemas.records.control import job_to
from schemas.registry import RegistryUnavailable
from schemas.topics import JOBS, PROMPTS, STATUS

_log = logging.getLogger("posestream.consumers")

_READ_TIMEOUT_S = 60.0  # must stay well under max.poll.interval.ms
_STATUS_BACK = 1000  # records read back per partition: explanations of gaps right after a take-over
_PROMPTS_KEPT = 256  # per job
_RANGES_KEPT = 1000  # per job

_EXPLAINS = frozenset({StatusKind.SKIPPED, StatusKind.GAP})
_OVER = frozenset({JobStatus.COMPLETED, JobStatus.CANCELLED})
_WISHES = frozenset({"wanted", "attempt"})


@dataclass(slots=True)
class News:
    """What one look at the topics brought.

    Attributes:
        refused: Records that cannot be read.
        changed: Jobs whose record is new or gone.
        said: (job, state, when) as told in topic ``status``, our own words too.
        over: Jobs that were said to be completed or cancelled -> that word.
    """

    refused: list[Refused] = field(default_factory=list[Refused])
    changed: set[str] = field(default_factory=set[str])
    said: list[tuple[str, JobStatus, int]] = field(default_factory=list[tuple[str, JobStatus, int]])
    over: dict[str, JobStatus] = field(default_factory=dict[str, JobStatus])


@dataclass(slots=True)
class _Known:
    number: int
    job: Job | None = None
    state: JobStatus | None = None
    ended: tuple[str, int] = ("", -1)  # the run that came to its end last, and its last frame
    prompts: deque[tuple[int, Prompt]] = field(default_factory=lambda: deque(maxlen=_PROMPTS_KEPT))
    explained: deque[tuple[str, SeqRange]] = field(default_factory=lambda: deque(maxlen=_RANGES_KEPT))


class JobDirectory:
    """Reads the small topics of the partition numbers it is given, by its own assignment.

    Args:
        codec: Reads the records.
        reader: Used by nobody else.
    """

    def __init__(self, codec: Codec, reader: PartitionReader) -> None:
        self._codec = codec
        self._reader = reader
        self._known: dict[str, _Known] = {}
        self._unread: list[Record] = []  # their schema is not known yet

    def assign(self, numbers: Collection[int]) -> News:
        """Read what is said about these partitions so far, and go on reading.

        Raises:
            TimeoutError: The topics could not be read to their end.
            RegistryUnavailable: Nor could their records.
        """
        starts: dict[Partition, int | None] = {}
        for number in numbers:
            starts[Partition(JOBS, number)] = None
            starts[Partition(PROMPTS, number)] = None
            status = Partition(STATUS, number)
            starts[status] = max(0, self._reader.end(status) - _STATUS_BACK)
        news = self._learn(self._reader.read_to_end(starts, _READ_TIMEOUT_S))
        if self._unread:
            reason = f"topics {JOBS}, {PROMPTS} and {STATUS}: {len(self._unread)} records wait for their schema"
            raise RegistryUnavailable(reason)
        news.over.clear()  # old words: the job may have been started again since
        return news

    def unassign(self, numbers: Collection[int]) -> None:
        """Read these no more and forget their jobs."""
        self._reader.unassign([Partition(topic, number) for topic in (JOBS, PROMPTS, STATUS) for number in numbers])
        self._unread = [record for record in self._unread if record.partition not in numbers]
        self._known = {job_id: known for job_id, known in self._known.items() if known.number not in numbers}

    def poll(self) -> News:
        """What was said since; does not wait."""
        return self._learn(self._reader.read(0.0))

    def job(self, job_id: str) -> Job | None:
        """A job as its record stands; None where there is none."""
        known = self._known.get(job_id)
        return known.job if known else None

    def jobs(self) -> list[Job]:
        """All jobs of our partitions."""
        return [known.job for known in self._known.values() if known.job is not None]

    def state(self, job_id: str) -> JobStatus | None:
        """What the job was told to be; None where nothing was heard of that."""
        known = self._known.get(job_id)
        return known.state if known else None

    def last_seq(self, job_id: str, run_id: str) -> int | None:
        """The last frame of a run whose source came to its end; None where that was not told."""
        known = self._known.get(job_id)
        return known.ended[1] if known and run_id and known.ended[0] == run_id else None

    def prompts(self, job_id: str, run_id: str, start: int) -> tuple[list[Prompt], int]:
        """Prompts for a run from offset ``start`` on, and the offset after the last one of the job."""
        known = self._known.get(job_id)
        fresh = [(offset, prompt) for offset, prompt in known.prompts if offset >= start] if known else []
        after = fresh[-1][0] + 1 if fresh else start
        return [prompt for _, prompt in fresh if prompt.run_id in ("", run_id)], after

    def explains(self, job_id: str, run_id: str, frames: SeqRange) -> bool:
        """Whether published ranges cover all these frames."""
        known = self._known.get(job_id)
        ranges = [span for run, span in known.explained if run == run_id] if known else []
        reached = frames.first
        for span in sorted(ranges, key=lambda span: span.first):
            if span.first <= reached:
                reached = max(reached, span.last + 1)
        return reached > frames.last

    def close(self) -> None:
        """Let go of the reader."""
        self._reader.close()

    def _learn(self, records: list[Record]) -> News:
        news = News()
        learn: dict[str, Callable[[Record, News], None]] = {
            JOBS: self._learn_job,
            PROMPTS: self._learn_prompt,
            STATUS: self._learn_status,
        }
        waiting, self._unread = [*self._unread, *records], []
        for place, record in enumerate(waiting):
            try:
                learn[record.topic](record, news)
            except RegistryUnavailable as error:
                _log.warning("%s from offset %d on waits: %s", record.source, record.offset, error)
                self._unread = waiting[place:]
                break
            except BadMessage as error:
                news.refused.append(Refused(record, error))
        return news

    def _of(self, job_id: str, record: Record) -> _Known:
        return self._known.setdefault(job_id, _Known(record.partition))

    def _learn_job(self, record: Record, news: News) -> None:
        job_id = (record.key or b"").decode(errors="replace")
        job = None if record.value is None else self._codec.decode(record.value, Job)
        known = self._of(job_id, record)
        known.job, known.number = job, record.partition
        news.changed.add(job_id)

    def _learn_prompt(self, record: Record, _news: News) -> None:
        if record.value is not None:
            prompt = self._codec.decode(record.value, Prompt)
            self._of(prompt.job_id, record).prompts.append((record.offset, prompt))

    def _learn_status(self, record: Record, news: News) -> None:
        if record.value is None:
            return
        status = self._codec.decode(record.value, StatusEvent)
        if status.kind in _EXPLAINS and status.frames is not None:
            self._of(status.job_id, record).explained.append((status.run_id, status.frames))
        elif status.kind is StatusKind.STREAM and status.reason == END_OF_STREAM and status.frames is not None:
            self._of(status.job_id, record).ended = (status.run_id, status.frames.last)
        elif status.kind is StatusKind.JOB and status.status in list(JobStatus):
            self._learn_state(status, self._of(status.job_id, record), news)

    def _learn_state(self, status: StatusEvent, known: _Known, news: News) -> None:
        said = JobStatus(status.status)
        known.state = state_after(known.state, [said])
        if known.state is not said:  # it cannot be: told by somebody who did not know of the word before
            return
        news.said.append((status.job_id, said, status.at_ns))
        if said in _OVER:
            news.over[status.job_id] = said


def same_work(one: Job, other: Job) -> bool:
    """Whether two records of a job differ at most in what is wanted of it now, and in the attempt."""
    return all(value == job_to(other)[name] for name, value in job_to(one).items() if name not in _WISHES)
