"""The topics of the in-memory broker: partitions as lists, with a lock and a bell for those who wait."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from consumers.broker import Headers, Partition, Record, Topic


@dataclass(slots=True)
class PartitionLog:
    """One partition.

    Attributes:
        records: What retention left, oldest first, offsets dense.
        start: The offset of the first one that is left.
    """

    records: list[Record] = field(default_factory=list[Record])
    start: int = 0

    @property
    def end(self) -> int:
        """The offset that the next record will get."""
        return self.start + len(self.records)

    def read(self, offset: int, limit: int) -> list[Record]:
        """At most ``limit`` records from ``offset`` on, which must not be below ``start``."""
        first = offset - self.start
        return self.records[first : first + limit]


class Logs:
    """All topics of a broker.

    Attributes:
        bell: Its lock guards everything in the broker; rung whenever a record or a member came or went.
        stalled: While True the broker takes no record, as one that cannot be reached.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.bell = threading.Condition(threading.RLock())
        self.stalled = False
        self._clock = clock
        self._topics: dict[str, list[PartitionLog]] = {}
        self._limit_bytes: dict[str, int] = {}

    def create(self, topics: Sequence[Topic]) -> None:
        """Create those that are missing."""
        with self.bell:
            for topic in topics:
                self._topics.setdefault(topic.name, [PartitionLog() for _ in range(topic.partitions)])
                self._limit_bytes[topic.name] = int(topic.config.get("max.message.bytes", 1_000_000))

    def partitions(self, topic: str) -> list[Partition]:
        """A topic's partitions; KeyError where there is no such topic."""
        return [Partition(topic, number) for number in range(len(self._topics[topic]))]

    def limit_bytes(self, topic: str) -> int:
        """The largest record that a topic takes."""
        return self._limit_bytes[topic]

    def log(self, partition: Partition) -> PartitionLog:
        """One partition; KeyError or IndexError where there is none."""
        return self._topics[partition.topic][partition.number]

    def append(self, to: Partition, key: bytes, value: bytes | None, headers: Headers) -> int:
        """Add a record and return its offset."""
        with self.bell:
            log = self.log(to)
            offset = log.end
            stamp_ms = int(self._clock() * 1000)
            log.records.append(Record(to.topic, to.number, offset, key, value, headers, stamp_ms))
            self.bell.notify_all()
            return offset

    def delete_before(self, partition: Partition, offset: int) -> None:
        """Let retention delete everything below ``offset``."""
        with self.bell:
            log = self.log(partition)
            del log.records[: max(0, offset - log.start)]
            log.start = max(log.start, offset)
