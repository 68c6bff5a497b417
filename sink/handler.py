"""The sink's work in the consume loop: events, status and jobs into Postgres, each once."""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor

from consumers.broker import Partition, Position, Record
from consumers.handler import Handled, Refused
from consumers.unread import Unread
from schemas import BadMessage, Job, Overloaded, StatusEvent
from schemas.codec import Codec
from schemas.registry import RegistryUnavailable
from schemas.topics import JOBS, POSES, STATUS
from sink.behind import BACK_OFF_S, WriteBehind, Writer
from sink.metrics import SinkMetrics
from sink.rows import RecordPlace, check_job, event_rows, status_row
from sink.store import JobChange
from sink.trace import RowTraces
from sink.waiting import Waiting, count, merged

_log = logging.getLogger("posestream.sink")

TOPICS = (POSES, STATUS, JOBS)
_MAX_WAITING = 5000  # records held while Postgres is away; then the loop pauses their partitions
_WRITE_AT = 1000  # records that are written at once rather than when it is due; so many may wait behind a batch
_ASSIGN_BUDGET_S = 60.0  # must stay well under max.poll.interval.ms


class SinkHandler:
    """A ``consumers.handler.Handler`` that stores what it reads.

    Rows and the offsets after them are written in one transaction, and reading starts from those offsets:
    whatever fails, a record is in the tables exactly once. The group's own position in Kafka follows
    behind and is only for those who watch the lag. While one batch is written the next is read; that is
    all that waits before the loop waits, too.

    Args:
        codec: Reads the records.
        store: Takes the batches.
        topic_ids: Topic names -> their ids; asked at every assignment.
        metrics: Where it counts.
        clock: Seconds, monotonic.
        sleep: Waits some seconds.
        executor: Writes the batches; a thread of its own if None.
    """

    def __init__(
        self,
        codec: Codec,
        store: Writer,
        topic_ids: Callable[[Collection[str]], Mapping[str, str]],
        metrics: SinkMetrics,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        executor: Executor | None = None,
    ) -> None:
        self._codec = codec
        self._store = store
        self._ask_topic_ids = topic_ids
        self._metrics = metrics
        self._clock = clock
        self._sleep = sleep
        self._topic_ids: Mapping[str, str] = {}
        self._traces = RowTraces(metrics)
        self._behind = WriteBehind(store, clock, executor)
        self._writing: dict[Partition, Waiting] = {}  # the batch that was begun last, until it is written
        self._waiting: dict[Partition, Waiting] = {}
        self._written: dict[Partition, Position] = {}  # to be told at the next flush
        self._unread = Unread()

    def assigned(self, committed: Mapping[Partition, Position | None]) -> Mapping[Partition, int]:
        """Start where the database says; at the beginning where it says nothing.

        Raises:
            Overloaded: Postgres did not answer for a minute; nothing may be read without its offsets.
        """
        if not committed:
            return {}
        self._topic_ids = {**self._topic_ids, **self._ask_topic_ids({one.topic for one in committed})}
        known = self._offsets_with_patience()
        return {one: known.get((one.topic, one.number), 0) for one in committed}

    def handle(self, records: Sequence[Record]) -> Handled:
        """Decode the records and keep them for the next ``flush``.

        Raises:
            Overloaded: Too many wait for Postgres.
        """
        if self._behind.ended:
            self._settle_quietly()
        held = count(self._waiting)
        if records and held + count(self._writing) >= _MAX_WAITING:
            reason = f"{held + count(self._writing)} records wait for the database"
            raise Overloaded(reason)
        refused: list[Refused] = []
        for record in self._unread.with_new(records):
            source = record.source
            waiting = self._waiting.get(source) or Waiting()
            try:
                self._take(record, waiting)
            except RegistryUnavailable as error:
                self._unread.keep(record, error)
                continue
            except BadMessage as error:
                refused.append(Refused(record, error))
                self._metrics.dead_letters.labels(record.topic).inc()
            waiting.next_offset = record.offset + 1
            self._waiting[source] = waiting
        due = held + len(records) >= _WRITE_AT and not self._behind.resting
        return Handled(refused, full=self._unread.partitions, flush=due)

    def flush(self, timeout_s: float, *, wait: bool = True) -> Mapping[Partition, Position]:
        """Write what waits, with the offsets after it, in one transaction.

        Without ``wait`` it is begun once the batch before is written, and that one is waited for only where a whole
        batch waits behind it.

        Raises:
            TimeoutError: Postgres takes longer.
            Overloaded: Postgres does not answer; it is tried again after a growing time.
        """
        deadline_s = self._clock() + timeout_s
        while self._writing or self._waiting or self._behind.under_way:
            if not self._behind.under_way:
                self._begin()
                if not wait:
                    break
            elif not (wait or self._behind.ended or count(self._waiting) >= _WRITE_AT):
                break
            self._settle(max(0.0, deadline_s - self._clock()))
        written, self._written = self._written, {}
        return written

    def _begin(self) -> None:
        """What failed before first, else what waits."""
        if not self._writing:
            self._writing, self._waiting = self._waiting, {}
        self._behind.begin(merged(self._writing, self._topic_ids))

    def _settle(self, timeout_s: float) -> None:
        try:
            done = self._behind.settle(timeout_s)
        except Overloaded:
            self._metrics.database_failures.inc()
            raise
        self._metrics.batch_s.observe(done.took_s)
        self._metrics.events.inc(done.written.events)
        self._metrics.repeated.inc(done.written.repeated)
        self._metrics.statuses.inc(done.written.statuses)
        for waiting in self._writing.values():
            self._traces.committed(waiting.unstored, done.committed_ns)
        self._written |= {partition: Position(waiting.next_offset) for partition, waiting in self._writing.items()}
        self._writing = {}

    def _settle_quietly(self) -> None:
        """Count what was written as soon as it is; where it failed, the next flush begins it again."""
        try:
            self._settle(0.0)
        except Overloaded as error:
            _log.warning("not written yet: %s", error)

    def revoked(self, partitions: Collection[Partition]) -> None:
        """Drop what was not written: the next owner starts from the offsets in the database.

        A batch that is still under way may be written later than that: its rows are those that the next owner
        writes, and whoever comes second adds nothing.
        """
        for partition in partitions:
            self._waiting.pop(partition, None)
            self._writing.pop(partition, None)
            self._written.pop(partition, None)
        self._unread.forget(partitions)

    def lost(self, partitions: Collection[Partition]) -> None:
        """As ``revoked``."""
        self.revoked(partitions)

    def expired(self, partition: Partition, first_offset: int, last_offset: int) -> None:
        """Count the loss."""
        _log.error("%s: records %d to %d were never stored", partition, first_offset, last_offset)
        self._metrics.expired.inc(last_offset - first_offset + 1)

    def close(self) -> None:
        """Wait for what is under way; the loop must have ended."""
        self._behind.close()

    def _take(self, record: Record, waiting: Waiting) -> None:
        batch = waiting.batch
        if record.topic == JOBS:
            batch.jobs.append(self._job_change(record))
        elif record.value is None:
            reason = "expected a message, got a tombstone"
            raise BadMessage(reason)
        elif record.topic == POSES:
            event = self._codec.decode_event_record(record.value)
            batch.events.append(event_rows(event))
            self._traces.taken(waiting.unstored, record, event)
        else:
            batch.statuses.append(status_row(self._codec.decode(record.value, StatusEvent), self._place(record)))

    def _place(self, record: Record) -> RecordPlace:
        return RecordPlace(self._topic_ids[record.topic], record.topic, record.partition, record.offset)

    def _job_change(self, record: Record) -> JobChange:
        place = self._place(record)
        if record.value is not None:
            job = self._codec.decode(record.value, Job)
            check_job(job)
            return JobChange(job.id, job, place)
        try:
            return JobChange((record.key or b"").decode(), None, place)
        except UnicodeDecodeError as error:
            reason = f"key: expected a job id in UTF-8, got {record.key!r}"
            raise BadMessage(reason) from error

    def _offsets_with_patience(self) -> Mapping[tuple[str, int], int]:
        deadline_s = self._clock() + _ASSIGN_BUDGET_S
        attempt = 0
        while True:
            try:
                return self._store.offsets(self._topic_ids)
            except Overloaded as error:
                if self._clock() >= deadline_s:
                    raise
                _log.warning("offsets not read yet: %s", error)
            self._sleep(BACK_OFF_S[min(attempt, len(BACK_OFF_S) - 1)])
            attempt += 1
