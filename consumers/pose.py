"""The pose worker: the handler of frames.

The order that keeps everything: events delivered, tracks delivered, offsets committed. A frame that comes
again after a crash is skipped where the track says that its event was delivered, else answered again from
the same prior, which gives the same event.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor

from consumers.answers import Answerer, Tools
from consumers.broker import Broker, Partition, Position, Record
from consumers.failpoints import Failpoints
from consumers.gaps import GapWatch
from consumers.handler import Handled, Refused
from consumers.hearing import Hearing, Streams
from consumers.heart import Heart
from consumers.jobs import JobDirectory
from consumers.metrics import WorkerMetrics
from consumers.outbox import Outbox
from consumers.positions import OpenRecords
from consumers.settings import WorkerSettings
from consumers.streams import PendingFrame, Stream, full_partitions
from consumers.tracks import TrackStore
from consumers.unread import Unread
from estimators.base import Estimator
from schemas import BadMessage, Overloaded
from schemas.codec import Codec, FrameHeader
from schemas.registry import RegistryUnavailable

_log = logging.getLogger("posestream.consumers")

_TAKE_OVER_TIMEOUT_S = 30.0
_LAST_WORDS_S = 1.0


class PoseHandler:
    """A ``consumers.handler.Handler`` that answers each frame with one event.

    Args:
        broker: Where tracks, jobs and prompts are read and events go.
        codec: Reads and writes records.
        settings: The worker's.
        metrics: Where it counts.
        loader: Estimator's name -> estimator; BadJob where there is none of that name.
        clock: Seconds, monotonic.
        now_ns: Nanoseconds since the Unix epoch.
        executor: Runs the calls of estimators; threads of its own if None.
        heart: Beats with every round; None for a worker that nobody looks after.
    """

    def __init__(
        self,
        broker: Broker,
        codec: Codec,
        settings: WorkerSettings,
        metrics: WorkerMetrics,
        loader: Callable[[str], Estimator],
        clock: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
        executor: Executor | None = None,
        heart: Heart | None = None,
    ) -> None:
        self._codec, self._settings, self._metrics, self._clock = codec, settings, metrics, clock
        self._producer = broker.producer()
        self._tracks = TrackStore(codec, broker.reader(), self._producer)
        self._directory = JobDirectory(codec, broker.reader())
        self._outbox = Outbox(codec, self._producer, metrics, now_ns)
        self._gaps = GapWatch(self._directory, self._outbox, settings.gap_wait_s, clock)
        self._opened = OpenRecords()
        self._unread = Unread()
        tools = Tools(codec, self._directory, self._outbox, self._opened, metrics, settings, self._refuse, clock)
        self._answerer = Answerer(tools, loader, executor)
        self._failpoints = Failpoints.from_environment()
        self._streams: Streams = {}
        self._hearing = Hearing(
            settings.pool, self._directory, self._outbox, self._tracks, self._answerer, metrics, self._streams
        )
        self._heart = heart
        self._refused: list[Refused] = []
        self._full: frozenset[Partition] = frozenset()

    def assigned(self, committed: Mapping[Partition, Position | None]) -> Mapping[Partition, int]:
        """Take streams over: their tracks, what is known of their jobs, and our name under each track."""
        # what we sent while they were ours before may be on its way still, and would lie behind what is read now
        self._producer.flush(_TAKE_OVER_TIMEOUT_S)
        news = self._directory.assign([partition.number for partition in committed])
        self._refused += news.refused
        for stream in self._tracks.restore(committed, self._is_ours):
            self._hearing.greet(stream)
            self._tracks.save(stream)
            _log.info("job %s goes on after %s/%d, epoch %d", stream.job_id, stream.run_id, stream.seq, stream.epoch)
        for job in self._directory.jobs():
            self._hearing.take_up(job)
        self._producer.flush(_TAKE_OVER_TIMEOUT_S)
        return {}

    def handle(self, records: Sequence[Record]) -> Handled:
        """Queue frames, then answer at most one of each stream."""
        for record in self._unread.with_new(records):
            self._take(record)
        busy = flush = False
        try:
            self._refused += self._hearing.listen()
            busy = self._answerer.work(list(self._streams.values()))
            flush = self._answerer.flush_wanted
            self._save_due()
            self._gaps.report()
        except Overloaded as error:  # the frames wait here, so the loop need not bring them again
            _log.info("overloaded: %s", error)
            self._metrics.overloads.inc()
        refused, self._refused = self._refused, []
        self._metrics.streams.set(len(self._streams))
        if self._heart is not None:
            self._heart.beat(self._streams.values())
        return Handled(refused, self._find_full(), busy, flush)

    def flush(self, timeout_s: float, *, wait: bool = True) -> Mapping[Partition, Position]:  # noqa: ARG002 - always
        """Events delivered, then tracks delivered; what is done by then may be committed."""
        deadline_s = self._clock() + timeout_s
        self._producer.flush(timeout_s)
        self._failpoints.passed("after_events")
        for stream in self._streams.values():
            if stream.unsaved:
                self._save(stream)
        self._producer.flush(max(0.0, deadline_s - self._clock()))
        self._failpoints.passed("after_tracks")
        for stream in self._streams.values():
            if stream.pending:
                stream.settled_run = stream.pending[0].run_id
        positions = self._opened.positions()
        return {p: Position(offset, self._tracks.metadata(p.number)) for p, offset in positions.items()}

    def committed(self, positions: Mapping[Partition, Position]) -> None:
        """The loop has committed these."""
        self._answerer.ages.committed(positions)
        self._hearing.committed(positions)

    def revoked(self, partitions: Collection[Partition]) -> None:
        """Say the last words about these partitions and forget them."""
        self._failpoints.passed("in_revoke")
        try:
            self._gaps.report_now(partitions)
            self._producer.flush(_LAST_WORDS_S)
        except (TimeoutError, Overloaded) as error:
            _log.warning("not all gaps were reported: %s", error)
        self._forget(partitions)

    def lost(self, partitions: Collection[Partition]) -> None:
        """Forget these partitions."""
        self._forget(partitions)

    def expired(self, partition: Partition, first_offset: int, last_offset: int) -> None:
        """The frames that are missing next were deleted by retention."""
        self._metrics.expired.inc(last_offset - first_offset + 1)
        self._gaps.expired(partition, first_offset, last_offset)

    def close(self) -> None:
        """Let go of the broker; what was not flushed is lost."""
        if self._heart is not None:
            self._heart.leave()
        self._answerer.close()
        self._tracks.close()
        self._directory.close()
        self._producer.close()

    def _is_ours(self, job_id: str) -> bool:
        """Tracks of all pools share a topic; one whose job is gone is nobody's."""
        job = self._directory.job(job_id)
        return job is not None and job.pool == self._settings.pool

    def _take(self, record: Record) -> None:
        try:
            header = self._header(record)
        except RegistryUnavailable as error:
            self._unread.keep(record, error)
            return
        except BadMessage as error:
            self._opened.take(record)
            self._refuse(record, error)
            stream = self._streams.get((record.source, (record.key or b"").decode(errors="replace")))
            if stream is not None:
                stream.unreadable.append(error.reason)
            return
        self._opened.take(record)
        stream = self._hearing.stream(header.job_id, record.source)
        self._metrics.received.labels(header.job_id).inc()
        if stream.repeats(header.run_id, header.seq):
            self._opened.done(record.source, record.offset)
            self._metrics.repeated.labels(header.job_id).inc()
            return
        if header.run_id != stream.run_id:
            stream.over = ""  # it is fed again
        missing = stream.take(PendingFrame(record, header.run_id, header.seq, self._clock()))
        if missing is not None:
            self._gaps.missing(stream, header.run_id, missing)
        stream.unreadable.clear()

    def _header(self, record: Record) -> FrameHeader:
        header = self._codec.decode_frame_header(record.value or b"")
        if record.key != header.job_id.encode():
            msg = f"frame of job {header.job_id}: expected the job's id as key, got {record.key!r}"
            raise BadMessage(msg, "frame")
        return header

    def _refuse(self, record: Record, error: BadMessage) -> None:
        self._metrics.dead_letters.labels(error.stage).inc()
        self._refused.append(Refused(record, error))
        self._opened.done(record.source, record.offset)

    def _save_due(self) -> None:
        """Send tracks whose events are delivered, each stream's at most so often."""
        now_s = self._clock()
        due = [stream for stream in self._streams.values() if stream.unsaved and stream.save_due_s <= now_s]
        settled = self._producer.settled() if due else 0
        for stream in due:
            if stream.event_ticket < settled:
                self._save(stream)
                stream.save_due_s = now_s + self._settings.track_s

    def _save(self, stream: Stream) -> None:
        if not stream.ended:
            self._tracks.save(stream)

    def _find_full(self) -> frozenset[Partition]:
        self._full = full_partitions(self._streams.values(), self._settings.queue_frames, self._full)
        return self._full | self._unread.partitions

    def _forget(self, partitions: Collection[Partition]) -> None:
        for key in [key for key in self._streams if key[0] in partitions]:
            self._answerer.release(self._streams.pop(key))
            self._metrics.forget(key[1])
        numbers = {partition.number for partition in partitions}
        self._directory.unassign(numbers)
        self._tracks.forget(partitions)
        self._opened.forget(partitions)
        self._unread.forget(partitions)
        self._gaps.forget(partitions)
        for partition in partitions:
            self._answerer.ages.forget(partition)
