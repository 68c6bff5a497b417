"""Reading partitions of Kafka outside any group, to their end and beyond."""

import time
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from consumers.broker import Partition, Record
from consumers.kafka_records import Watermarks, offset_since, record_of, watermarks

_BATCH = 500


class KafkaReader:
    """See ``consumers.broker.PartitionReader``.

    Args:
        config: librdkafka's settings for reading.
        admin: Gives the client that is asked where partitions end; called when it is needed.
    """

    def __init__(self, config: dict[str, Any], admin: Callable[[], AdminClient]) -> None:
        self._admin = admin
        self._consumer = Consumer(
            config
            | {
                "group.id": f"posestream-reader-{uuid.uuid4()}",  # asked for, never joined
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,  # the end is known even where compaction took the last records
            }
        )
        self._next: dict[Partition, int] = {}
        self._early: list[Record] = []  # of other partitions, come while one was read to its end

    def assign(self, starts: Mapping[Partition, int | None]) -> None:
        """Read these too."""
        self._add(starts, watermarks(self._admin(), starts))

    def unassign(self, partitions: Collection[Partition]) -> None:
        """Read these no more."""
        gone = set(partitions)
        self._next = {partition: offset for partition, offset in self._next.items() if partition not in gone}
        self._early = [record for record in self._early if record.source not in gone]
        self._assign()

    def read(self, timeout_s: float) -> list[Record]:
        """What came since the last call."""
        early, self._early = self._early, []
        return early + self._read(0.0 if early else timeout_s)

    def read_to_end(self, starts: Mapping[Partition, int | None], timeout_s: float) -> list[Record]:
        """Assign these and read them up to where they end now."""
        deadline_s = time.monotonic() + timeout_s
        marks = watermarks(self._admin(), starts)
        self._add(starts, marks)
        ends = {partition: mark.high for partition, mark in marks.items()}
        found: list[Record] = []
        while any(self._next[partition] < end for partition, end in ends.items()):
            if time.monotonic() > deadline_s:
                behind = {str(p): f"{self._next[p]} of {end}" for p, end in ends.items() if self._next[p] < end}
                msg = f"reader: expected the end within {timeout_s:.1f} s, came to {behind}"
                raise TimeoutError(msg)
            for record in self._read(0.05):
                (found if record.source in ends else self._early).append(record)
        return found

    def end(self, partition: Partition) -> int:
        """Where it ends now."""
        return watermarks(self._admin(), [partition])[partition].high

    def since(self, partition: Partition, time_ms: int) -> int:
        """The first record of this time or later."""
        return offset_since(self._admin(), partition, time_ms)

    def position(self, partition: Partition) -> int:
        """How far it was read."""
        early = (record.offset for record in self._early if record.source == partition)
        return min(early, default=self._next[partition])

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()

    def _assign(self) -> None:
        self._consumer.assign([TopicPartition(p.topic, p.number, offset) for p, offset in self._next.items()])

    def _add(self, starts: Mapping[Partition, int | None], marks: Mapping[Partition, Watermarks]) -> None:
        self._next |= {partition: max(offset or 0, marks[partition].low) for partition, offset in starts.items()}
        self._assign()

    def _read(self, timeout_s: float) -> list[Record]:
        first = self._consumer.poll(timeout_s)
        if first is None:
            return []
        found: list[Record] = []
        for message in (first, *self._consumer.consume(_BATCH, 0)):
            error = message.error()
            if error is None:
                record = record_of(message)
                found.append(record)
                self._reached(record.source, record.offset + 1)
            elif error.name() == "_PARTITION_EOF":
                self._reached(Partition(message.topic() or "", message.partition() or 0), message.offset() or 0)
            elif error.fatal() or error.name() == "UNKNOWN_TOPIC_OR_PART":
                raise KafkaException(error)
        return found

    def _reached(self, partition: Partition, offset: int) -> None:
        if partition in self._next:
            self._next[partition] = max(self._next[partition], offset)
