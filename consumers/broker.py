"""What the consume loop asks of a message broker; ``kafka.py`` and ``memory.py`` are the two that answer."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

Headers = tuple[tuple[str, bytes], ...]
"""Names and values in the order they were sent; a name may come twice."""


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One partition of one topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.number}]"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a group has come in a partition.

    Attributes:
        offset: The next record to read: one past the last one that is done.
        metadata: Text kept beside it, given back unchanged; at most 4 kB.
    """

    offset: int
    metadata: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One record as the broker keeps it.

    Attributes:
        topic: Where it lies.
        partition: The partition's number.
        offset: Its place there; a partition's offsets rise but need not be dense.
        key: The job's id in UTF-8 in all our topics; None where the record has none.
        value: The message; None is a tombstone.
        headers: As sent.
        timestamp_ms: CreateTime, milliseconds since the Unix epoch: when it was published.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp_ms: int = 0

    @property
    def source(self) -> Partition:
        """The partition it lies in."""
        return _partition(self.topic, self.partition)


@lru_cache(maxsize=4096)
def _partition(topic: str, number: int) -> Partition:
    """Asked for several times a record: making one takes longer than finding it."""
    return Partition(topic, number)


class Ownership(Protocol):
    """Told by a consumer, inside ``poll`` and ``close``, which partitions it holds."""

    def assigned(self, committed: Mapping[Partition, Position | None]) -> Mapping[Partition, int]:
        """Partitions that were not ours became ours.

        Args:
            committed: The new ones with the group's position, None where the group has none.

        Returns:
            Offsets to start from, for those partitions where they differ from the group's position; a
            partition that has neither starts at its beginning.
        """
        ...

    def revoked(self, partitions: Collection[Partition]) -> None:
        """They are still ours until this returns: the last chance to commit."""
        ...

    def lost(self, partitions: Collection[Partition]) -> None:
        """They are somebody else's already: nothing about them may be committed."""
        ...

    def expired(self, partition: Partition, first_offset: int, last_offset: int) -> None:
        """Retention deleted these records (both ends included) before we read them."""
        ...


class Consumer(Protocol):
    """A member of a consumer group. Not thread-safe; never commits by itself."""

    def subscribe(self, topics: Sequence[str], ownership: Ownership) -> None:
        """Join the group; the first partitions come with a later ``poll``."""
        ...

    def poll(self, max_records: int, timeout_s: float) -> list[Record]:
        """The next records, in order within each partition; empty if none came in time.

        Returns as soon as there is one. Calls ``ownership`` where the group moved. Never returns a record
        of a partition that is not ours or is paused.
        """
        ...

    def commit(self, positions: Mapping[Partition, Position], timeout_s: float) -> bool:
        """Store the group's positions; blocking.

        Returns:
            False if the group refused since it is moving or these partitions are not ours any more:
            nothing was stored, and the next ``poll`` says what is still ours.

        Raises:
            TimeoutError: The broker did not answer; whether it stored them is not known.
        """
        ...

    def pause(self, partitions: Collection[Partition]) -> None:
        """Bring no more records of these until ``resume``; they stay ours. Unknown ones are ignored."""
        ...

    def resume(self, partitions: Collection[Partition]) -> None:
        """Undo ``pause``, from the first record that was not returned."""
        ...

    def lag(self) -> Mapping[Partition, int]:
        """Records in our partitions that ``poll`` has not returned; what was last heard, without asking."""
        ...

    def close(self) -> None:
        """Leave the group at once (``ownership.revoked`` is called); a second call does nothing."""
        ...


class Producer(Protocol):
    """Sends records; those to one partition keep their order and none is doubled. Not thread-safe.

    A delivery that failed for good is raised as ``DeliveryFailed`` by the next call of any method.
    """

    def send(
        self,
        to: Partition,
        key: bytes,
        value: bytes | None,
        headers: Headers = (),
        on_delivered: Callable[[int], None] | None = None,
    ) -> int:
        """Queue a record; does not wait for the broker.

        Args:
            to: Where to put it.
            key: The job's id.
            value: The message; None is a tombstone.
            headers: Sent with it.
            on_delivered: Called with its offset, inside a later call of any method.

        Returns:
            A ticket, one more with every record; see ``settled``.

        Raises:
            Overloaded: The queue is full; nothing was queued.
            BadMessage: The record is over the broker's limit of size and can never be sent.
        """
        ...

    def settled(self) -> int:
        """Every record with a ticket below this number is delivered; does not wait."""
        ...

    def flush(self, timeout_s: float) -> None:
        """Wait until all queued records are delivered.

        Raises:
            TimeoutError: Some are still on their way; they stay queued.
        """
        ...

    def close(self) -> None:
        """Let go of the connection; what was not flushed is lost."""
        ...


class PartitionReader(Protocol):
    """Reads partitions of its own choice, outside any group. Not thread-safe."""

    def assign(self, starts: Mapping[Partition, int | None]) -> None:
        """Read these too, from the given offset on; None and an offset that has expired: the beginning."""
        ...

    def unassign(self, partitions: Collection[Partition]) -> None:
        """Read these no more; unknown ones are ignored."""
        ...

    def read(self, timeout_s: float) -> list[Record]:
        """Records that came since the last call, in order within each partition; waits for the first one."""
        ...

    def read_to_end(self, starts: Mapping[Partition, int | None], timeout_s: float) -> list[Record]:
        """Assign, then read these partitions up to where they ended when this was called.

        Raises:
            TimeoutError: The end was not reached in time.
        """
        ...

    def end(self, partition: Partition) -> int:
        """The offset that the partition's next record will get; asks the broker."""
        ...

    def since(self, partition: Partition, time_ms: int) -> int:
        """The offset of the first record published at a time or later, ms since the Unix epoch; else the end."""
        ...

    def position(self, partition: Partition) -> int:
        """How far an assigned partition was read: every offset below it was returned, or holds no record."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class Topic(Protocol):
    """A topic as it should be; ``schemas.topics.TopicSpec`` is one."""

    @property
    def name(self) -> str:
        """The topic's name."""
        ...

    @property
    def partitions(self) -> int:
        """How many partitions it has."""
        ...

    @property
    def config(self) -> Mapping[str, str]:
        """Settings under Kafka's names."""
        ...


class Broker(Protocol):
    """Where consumers and producers come from. Each of its makings is used by one thread."""

    def consumer(self, group: str) -> Consumer:
        """A member of ``group``, joined by ``subscribe``."""
        ...

    def producer(self) -> Producer:
        """An idempotent producer."""
        ...

    def reader(self) -> PartitionReader:
        """A reader without a group."""
        ...

    def ensure_topics(self, topics: Sequence[Topic]) -> None:
        """Create those that are missing; what exists is left as it is."""
        ...


class DeliveryFailed(RuntimeError):
    """The broker did not take a record for good: the process must stop, nothing after it may be committed."""
