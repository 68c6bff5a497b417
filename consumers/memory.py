"""A broker in memory: the same contracts as Kafka's, for unit tests and programs of one process."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from consumers.broker import Headers, Partition, Record, Topic
from consumers.memory_group import Group, MemoryConsumer
from consumers.memory_log import Logs
from schemas import BadMessage, Overloaded

_QUEUE_RECORDS = 1000


class MemoryBroker:
    """Topics, groups and producers of one process; thread-safe between its makings.

    Attributes:
        logs: The topics, for tests that look at them, stall them or let them expire.
        groups: The groups by name, for tests that look at positions or expel members.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.logs = Logs(clock)
        self.groups: dict[str, Group] = {}

    def consumer(self, group: str) -> MemoryConsumer:
        """A member of ``group``."""
        with self.logs.bell:
            return MemoryConsumer(self.logs, self.groups.setdefault(group, Group(self.logs)))

    def producer(self) -> "MemoryProducer":
        """A producer whose records arrive at once unless the topics are stalled."""
        return MemoryProducer(self.logs)

    def reader(self) -> "MemoryReader":
        """A reader without a group."""
        return MemoryReader(self.logs)

    def ensure_topics(self, topics: Sequence[Topic]) -> None:
        """Create those that are missing."""
        self.logs.create(topics)

    def records(self, partition: Partition) -> list[Record]:
        """All that lies in a partition."""
        with self.logs.bell:
            return list(self.logs.log(partition).records)


@dataclass(frozen=True, slots=True, eq=False)
class _Queued:
    to: Partition
    key: bytes
    value: bytes | None
    headers: Headers
    on_delivered: Callable[[int], None] | None


class MemoryProducer:
    """See ``Producer``."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._queue: list[_Queued] = []
        self._tickets = 0

    def send(
        self,
        to: Partition,
        key: bytes,
        value: bytes | None,
        headers: Headers = (),
        on_delivered: Callable[[int], None] | None = None,
    ) -> int:
        """Queue a record."""
        size = len(key) + len(value or b"") + sum(len(name) + len(text) for name, text in headers)
        limit = self._logs.limit_bytes(to.topic)
        if size > limit:
            msg = f"record for {to}: expected at most {limit} bytes, got {size}"
            raise BadMessage(msg, "send")
        if len(self._queue) >= _QUEUE_RECORDS:
            msg = f"producer: {_QUEUE_RECORDS} records wait for the broker"
            raise Overloaded(msg)
        self._queue.append(_Queued(to, key, value, headers, on_delivered))
        self._tickets += 1
        self._deliver()
        return self._tickets - 1

    def settled(self) -> int:
        """Tickets below this are delivered."""
        self._deliver()
        return self._tickets - len(self._queue)

    def flush(self, timeout_s: float) -> None:
        """Deliver all; TimeoutError, at once, while the topics are stalled."""
        self._deliver()
        if self._queue:
            msg = f"producer: {len(self._queue)} records not delivered after {timeout_s:.1f} s"
            raise TimeoutError(msg)

    def close(self) -> None:
        """Forget what was not delivered."""
        self._queue = []

    def _deliver(self) -> None:
        while self._queue and not self._logs.stalled:
            item = self._queue.pop(0)
            offset = self._logs.append(item.to, item.key, item.value, item.headers)
            if item.on_delivered:
                item.on_delivered(offset)


class MemoryReader:
    """See ``PartitionReader``."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._next: dict[Partition, int] = {}

    def assign(self, starts: Mapping[Partition, int | None]) -> None:
        """Read these too."""
        for partition, offset in starts.items():
            self._next[partition] = max(offset or 0, self._logs.log(partition).start)

    def unassign(self, partitions: Collection[Partition]) -> None:
        """Read these no more."""
        for partition in partitions:
            self._next.pop(partition, None)

    def read(self, timeout_s: float) -> list[Record]:
        """What came since the last call."""
        deadline_s = time.monotonic() + timeout_s
        with self._logs.bell:
            while True:
                found = [record for partition in self._next for record in self._read_one(partition)]
                remaining_s = deadline_s - time.monotonic()
                if found or remaining_s <= 0:
                    return found
                self._logs.bell.wait(remaining_s)

    def read_to_end(self, starts: Mapping[Partition, int | None], timeout_s: float) -> list[Record]:  # noqa: ARG002 - at once here
        """What lies in these partitions now."""
        with self._logs.bell:
            self.assign(starts)
            return [record for partition in starts for record in self._read_one(partition)]

    def end(self, partition: Partition) -> int:
        """Where it ends now."""
        with self._logs.bell:
            return self._logs.log(partition).end

    def since(self, partition: Partition, time_ms: int) -> int:
        """The first record of this time or later."""
        with self._logs.bell:
            log = self._logs.log(partition)
            return next((record.offset for record in log.records if record.timestamp_ms >= time_ms), log.end)

    def position(self, partition: Partition) -> int:
        """How far it was read."""
        return self._next[partition]

    def close(self) -> None:
        """Nothing to let go of."""

    def _read_one(self, partition: Partition) -> list[Record]:
        log = self._logs.log(partition)
        records = log.read(max(self._next[partition], log.start), log.end)
        self._next[partition] = log.end
        return records
