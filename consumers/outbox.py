"""What a worker says: pose events and status, on the partition number of the job."""

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from consumers.broker import Partition, Producer
from consumers.metrics import WorkerMetrics
from consumers.streams import PendingFrame, Stream, ranges
from consumers.trace import AnswerTraces
from schemas import BadMessage, JobStatus, PoseEvent, SeqRange, StatusEvent, StatusKind
from schemas.codec import Codec
from schemas.lifecycle import may_follow
from schemas.topics import POSES, STATUS
from schemas.traces import TRACEPARENT

_log = logging.getLogger("posestream.consumers")

_TOLD_KEPT = 1000
_PASSED = "a newer frame was there"


class Outbox:
    """Encodes and sends; order and durability are the producer's.

    Args:
        codec: Writes the records.
        producer: Shared with the track store, since its tickets order events before tracks.
        metrics: Where it counts.
        now_ns: Nanoseconds since the Unix epoch.
    """

    def __init__(
        self, codec: Codec, producer: Producer, metrics: WorkerMetrics, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._codec = codec
        self._producer = producer
        self._metrics = metrics
        self._traces = AnswerTraces()
        self._told: deque[tuple[str, JobStatus, int]] = deque(maxlen=_TOLD_KEPT)
        self.now_ns = now_ns

    def event(self, event: PoseEvent, number: int) -> int:
        """Send the answer to a frame; returns the producer's ticket."""
        value = self._codec.encode(POSES, event)
        trace, on_delivered = self._traces.answered(event)
        headers = ((TRACEPARENT, trace.encode()),)
        return self._producer.send(Partition(POSES, number), event.job_id.encode(), value, headers, on_delivered)

    def job_status(self, stream: Stream, status: JobStatus, reason: str) -> None:
        """The job is in another state now, or in the same with news; not told where it cannot follow."""
        if not may_follow(stream.state, status):
            _log.info("job %s is %s: not told to be %s (%s)", stream.job_id, stream.state, status, reason)
            return
        stream.state = status
        event = StatusEvent(stream.job_id, "", StatusKind.JOB, self.now_ns(), status.value, reason)
        self._told.append((stream.job_id, status, event.at_ns))
        self._status(stream, event)

    def is_ours(self, job_id: str, status: JobStatus, at_ns: int) -> bool:
        """Whether a state that was read in the topic is one that we told; asked once of each."""
        with suppress(ValueError):
            self._told.remove((job_id, status, at_ns))
            return True
        return False

    def object(self, stream: Stream, run_id: str, frames: SeqRange | None, reason: str) -> None:
        """An object cannot be used (no frames), or was not found in a frame."""
        kind = StatusKind.OBJECT
        self._status(stream, StatusEvent(stream.job_id, run_id, kind, self.now_ns(), "", reason, frames))

    def clock(self, stream: Stream, run_id: str, seq: int, reason: str) -> None:
        """The camera's clock does not run forward, from this frame on, or does so again."""
        event = StatusEvent(stream.job_id, run_id, StatusKind.STREAM, self.now_ns(), "", reason, SeqRange(seq, seq))
        self._status(stream, event)

    def skipped(self, stream: Stream, run_id: str, frames: SeqRange, reason: str) -> None:
        """Frames were skipped or dropped on purpose."""
        self._metrics.skipped.labels(stream.job_id).inc(len(frames))
        kind = StatusKind.SKIPPED
        self._status(stream, StatusEvent(stream.job_id, run_id, kind, self.now_ns(), "", reason, frames))

    def gap(self, stream: Stream, run_id: str, frames: SeqRange, reason: str) -> None:
        """Frames are missing that nobody explained."""
        self._metrics.missing.labels(stream.job_id).inc(len(frames))
        kind = StatusKind.GAP
        self._status(stream, StatusEvent(stream.job_id, run_id, kind, self.now_ns(), "", reason, frames))

    def refused(self, stream: Stream, run_id: str, seq: int, error: BadMessage) -> None:
        """A frame went to the dead letters; what was passed over before it goes out with it."""
        for run, frames in ranges(stream.passed):
            self.skipped(stream, run, frames, _PASSED)
        self.skipped(stream, run_id, SeqRange(seq, seq), f"dead-lettered: {error.reason}")

    def passed(self, stream: Stream, run_id: str, seq: int) -> SeqRange | None:
        """Account for the frames that were passed over before this one is answered.

        Returns:
            The range that ends right before ``seq`` and rides in its event; others go out as status.
        """
        riding: SeqRange | None = None
        for run, frames in ranges(stream.passed):
            if run == run_id and frames.last == seq - 1:
                riding = frames
            else:
                self.skipped(stream, run, frames, _PASSED)
        return riding

    def _status(self, stream: Stream, status: StatusEvent) -> None:
        value = self._codec.encode(STATUS, status)
        self._producer.send(Partition(STATUS, stream.source.number), status.job_id.encode(), value)


def tell_begun(outbox: Outbox, stream: Stream, head: PendingFrame) -> None:
    """A job's frame is answered: told with each run, and where the job was told to be something else."""
    new_run = head.run_id != stream.run_id
    if stream.paused or stream.ended or not (new_run or stream.state not in (None, JobStatus.PROCESSING)):
        return
    if stream.state in (JobStatus.PENDING, JobStatus.COMPLETED):
        outbox.job_status(stream, JobStatus.QUEUED, f"run {head.run_id} waits")
    reason = f"run {head.run_id} started" if new_run else f"run {head.run_id} goes on at frame {head.seq}"
    outbox.job_status(stream, JobStatus.PROCESSING, reason)
