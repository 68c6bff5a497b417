"""Follows what the small topics say about a worker's streams, and says how their jobs stand."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from consumers.answers import Answerer
from consumers.broker import Partition, Position
from consumers.handler import Refused
from consumers.jobs import JobDirectory, News, same_work
from consumers.metrics import WorkerMetrics
from consumers.outbox import Outbox
from consumers.streams import Stream
from consumers.tracks import TrackStore
from schemas import Job, JobStatus, SeqRange, Wanted
from schemas.topics import frames_topic

_REMOVED = "job removed"
_CANCELLED = "job cancelled"

Streams = dict[tuple[Partition, str], Stream]


@dataclass(slots=True)
class Hearing:
    """Used by the loop's thread only.

    Attributes:
        pool: Jobs of others are none of ours.
        directory: Reads the small topics.
        outbox: Where states are told.
        tracks: Where the track of a job that is over ends.
        answerer: Forgets jobs.
        metrics: Forget them too.
        streams: All of the worker.
        settled: Partition -> the group's position, as committed by us.
    """

    pool: str
    directory: JobDirectory
    outbox: Outbox
    tracks: TrackStore
    answerer: Answerer
    metrics: WorkerMetrics
    streams: Streams
    settled: dict[Partition, int] = field(default_factory=dict[Partition, int])

    def listen(self) -> list[Refused]:
        """Take the news; records that cannot be read are returned."""
        news = self.directory.poll()
        for job_id, state, at_ns in news.said:
            if not self.outbox.is_ours(job_id, state, at_ns):
                for stream in self._of(job_id):
                    stream.state = state
        for job_id in news.changed | {job_id for job_id, _, _ in news.said}:
            self.take_up(self.directory.job(job_id))
        for stream in list(self.streams.values()):
            self._follow(stream, news)
            self._tell_complete(stream)
            if stream.over or stream.ended in (_REMOVED, _CANCELLED):
                self._end(stream)
        return news.refused

    def stream(self, job_id: str, source: Partition) -> Stream:
        """The stream of a job, made where it is new to us."""
        key = (source, job_id)
        if key not in self.streams:
            self.greet(Stream(job_id, source))
        return self.streams[key]

    def greet(self, stream: Stream) -> None:
        """A stream is ours from now on: what is known of its job."""
        stream.job, stream.state = self.directory.job(stream.job_id), self.directory.state(stream.job_id)
        if stream.job is not None and stream.job.wanted is Wanted.CANCEL:
            stream.ended = _CANCELLED
        self.streams[stream.source, stream.job_id] = stream

    def take_up(self, job: Job | None) -> None:
        """A job that waits for a worker has one now."""
        if job is None or job.pool != self.pool or self.directory.state(job.id) is not JobStatus.PENDING:
            return
        stream = self.stream(job.id, Partition(frames_topic(self.pool), job.partition))
        if stream.state is JobStatus.PENDING:
            self.outbox.job_status(stream, JobStatus.QUEUED, "a worker waits for its frames")

    def committed(self, positions: Mapping[Partition, Position]) -> None:
        """The group's positions are these now."""
        self.settled |= {partition: position.offset for partition, position in positions.items()}

    def _of(self, job_id: str) -> list[Stream]:
        return [stream for stream in self.streams.values() if stream.job_id == job_id]

    def _follow(self, stream: Stream, news: News) -> None:
        # by what is known, not by the news: those of a round that found no room are not lost
        job = self.directory.job(stream.job_id)
        if job is not stream.job:
            if job is not None and stream.job is not None and same_work(stream.job, job):
                self._heed(stream, stream.job, job)
            else:
                self.answerer.release(stream)
                known, stream.job = stream.job, job
                stream.ended = _REMOVED if known is not None and job is None else ""
        stream.over = news.over.get(stream.job_id, stream.over)
        if stream.over == JobStatus.CANCELLED:
            self._cancel(stream)

    def _heed(self, stream: Stream, before: Job, job: Job) -> None:
        """Other words of people about the same work: its meshes stay loaded, its track stays ours."""
        stream.job = job
        if job.attempt != before.attempt:
            stream.ended, stream.prepared = "", False
        if job.wanted is Wanted.CANCEL:
            self._cancel(stream)
        elif job.wanted is Wanted.PAUSE and before.wanted is not Wanted.PAUSE:
            self.outbox.job_status(stream, JobStatus.PAUSED, f"paused after {_place(stream)}")

    def _cancel(self, stream: Stream) -> None:
        """By the record or by the word, whichever is heard first; told once."""
        if stream.ended != _CANCELLED:
            stream.ended = _CANCELLED
            self.outbox.job_status(stream, JobStatus.CANCELLED, f"cancelled after {_place(stream)}")

    def _tell_complete(self, stream: Stream) -> None:
        """All frames of the run are accounted for: answered, skipped or refused."""
        last = self.directory.last_seq(stream.job_id, stream.run_id)
        if (
            last is None
            or stream.pending
            or stream.state is not JobStatus.PROCESSING
            or stream.taken_run != stream.run_id
        ):
            return
        rest = last - stream.seq
        if rest > len(stream.unreadable):
            span = SeqRange(stream.seq + 1, last)
            if not self.directory.explains(stream.job_id, stream.run_id, span):
                return
        self.outbox.job_status(stream, JobStatus.COMPLETED, f"run {stream.run_id}: all of {last + 1} frames")
        stream.over = JobStatus.COMPLETED

    def _end(self, stream: Stream) -> None:
        """The job is over: once nothing waits its track goes, and a later run starts afresh."""
        if stream.ended:
            self.answerer.drop(stream, stream.ended)
        if stream.pending:
            return
        if stream.over == JobStatus.COMPLETED and stream.done_offset >= self.settled.get(stream.source, 0):
            return  # its last frames may come again, and are answered from the track then
        if stream.seq >= 0:
            self.tracks.end(stream)
        self.answerer.release(stream)
        del self.streams[stream.source, stream.job_id]
        self.answerer.ages.forget_job(stream.source, stream.job_id)
        self.metrics.forget(stream.job_id)


def _place(stream: Stream) -> str:
    return f"frame {stream.seq} of run {stream.run_id}" if stream.run_id else "no frame"
