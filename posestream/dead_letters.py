"""Dead letters as they lie in their topics: read, chosen and grouped."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from consumers.broker import Broker, Headers, Partition, Record
from posestream.archive import ends_of, records_before
from schemas import PosestreamError
from schemas.topics import dlq_topic

REPLAYED = "x-replayed"
"""Header of a marker, a record without a value: the offset of the dead letter that was sent back."""

_ADDED = ("x-error", "x-stage", "x-topic", "x-partition", "x-offset", "x-timestamp-ms")
_SUFFIX = dlq_topic("")
_TIMEOUT_S = 10.0
_NUMBER = re.compile(r"\d+")


class NoDeadLetters(PosestreamError):
    """No such dead letter or dead-letter topic."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What is known of a record that could not be handled, without its bytes.

    Attributes:
        at: Where it lies now.
        offset: Its place there.
        source: Where it was read.
        source_offset: Its place there.
        job_id: Its key.
        stage: Where it was refused.
        reason: What was expected and what came.
        size_bytes: Of its value.
        published_ms: When it was published first, milliseconds since the Unix epoch.
        refused_ms: When it became a dead letter.
    """

    at: Partition
    offset: int
    source: Partition
    source_offset: int
    job_id: str
    stage: str
    reason: str
    size_bytes: int
    published_ms: int
    refused_ms: int

    @property
    def place(self) -> str:
        """For ``posestream dlq show``."""
        return f"{self.source.topic}/{self.at.number}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which dead letters are meant; None and "" choose all.

    Attributes:
        topic: The topic that they were read from.
        job_id: Their key.
        stage: Where they were refused.
        reason: A part of the reason.
        place: One of them.
    """

    topic: str | None = None
    job_id: str | None = None
    stage: str | None = None
    reason: str = ""
    place: str | None = None

    def holds(self, letter: DeadLetter) -> bool:
        """Whether this one is meant."""
        return (
            self.topic in (None, letter.source.topic)
            and self.job_id in (None, letter.job_id)
            and self.stage in (None, letter.stage)
            and self.place in (None, letter.place)
            and self.reason in letter.reason
        )


@dataclass(slots=True)
class Group:
    """Dead letters of one topic, job, stage and reason; numbers in a reason make no difference.

    Attributes:
        newest: The last of them.
        count: How many.
        replayed: How many of them were sent back.
        oldest_ms: When the first of them became one, milliseconds since the Unix epoch.
    """

    newest: DeadLetter
    count: int = 0
    replayed: int = 0
    oldest_ms: int = 0


def partitions(kafka: str, chosen: Callable[[str], bool]) -> list[Partition]:
    """All partitions of the topics whose names are chosen.

    Raises:
        NoDeadLetters: No answer from Kafka.
    """
    try:
        topics = AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=_TIMEOUT_S).topics
    except KafkaException as error:
        msg = f"Kafka at {kafka} says: {error.args[0].str()}"
        raise NoDeadLetters(msg) from error
    return [Partition(name, number) for name in sorted(topics) if chosen(name) for number in topics[name].partitions]


def dead_partitions(kafka: str, topic: str | None) -> list[Partition]:
    """All partitions of the dead-letter topics, or of that of one topic.

    Raises:
        NoDeadLetters: No answer from Kafka, or no such topic.
    """
    known = partitions(kafka, lambda name: name.endswith(_SUFFIX))
    if topic is None:
        return known
    found = [partition for partition in known if partition.topic == dlq_topic(topic)]
    if not found:
        names = ", ".join(sorted({one.topic.removesuffix(_SUFFIX) for one in known})) or "(none)"
        msg = f"topic {topic}: expected one that has dead letters, among {names}"
        raise NoDeadLetters(msg)
    return found


def scanned(broker: Broker, places: Iterable[Partition]) -> Iterator[Record]:
    """Every record of these partitions as they end now, markers included."""
    reader = broker.reader()
    try:
        ends = ends_of(reader, places)
        yield from records_before(reader, dict.fromkeys(ends), ends)
    finally:
        reader.close()


def place_of(kafka: str, place: str) -> tuple[Partition, int]:
    """Where a dead letter lies whose place was printed.

    Raises:
        NoDeadLetters: No place, or no such partition.
    """
    topic, _, rest = place.partition("/")
    number, _, offset = rest.partition("/")
    if not (number.isdecimal() and offset.isdecimal()):
        msg = f"{place}: expected TOPIC/PARTITION/OFFSET as posestream dlq list prints it"
        raise NoDeadLetters(msg)
    at = Partition(dlq_topic(topic), int(number))
    if at not in dead_partitions(kafka, topic):
        msg = f"{place}: expected a partition of topic {topic}, it has no number {number}"
        raise NoDeadLetters(msg)
    return at, int(offset)


def record_at(broker: Broker, at: Partition, offset: int) -> Iterator[Record]:
    """The record at an offset; nothing where there is none."""
    reader = broker.reader()
    try:
        if offset < reader.end(at):
            found = records_before(reader, {at: offset}, {at: offset + 1})
            yield from (record for record in found if record.offset == offset)
    finally:
        reader.close()


def letter_of(record: Record) -> DeadLetter | None:
    """The dead letter in a record; None for a marker, and for what the consume loop did not write."""
    said = dict(record.headers[-len(_ADDED) :])
    if tuple(said) != _ADDED:
        return None
    try:
        source = Partition(said["x-topic"].decode(), int(said["x-partition"]))
        offset, published_ms = int(said["x-offset"]), int(said["x-timestamp-ms"])
    except ValueError:
        return None
    job_id, stage, reason = (
        value.decode(errors="replace") for value in (record.key or b"", said["x-stage"], said["x-error"])
    )
    size = len(record.value or b"")
    at, refused_ms = record.source, record.timestamp_ms
    return DeadLetter(at, record.offset, source, offset, job_id, stage, reason, size, published_ms, refused_ms)


def original_headers(record: Record) -> Headers:
    """A dead letter's headers as they were before it became one."""
    return record.headers[: -len(_ADDED)]


def replayed_offset(record: Record) -> int | None:
    """The offset of the dead letter that this marker says was sent back; None for other records."""
    if record.value is not None or len(record.headers) != 1 or record.headers[0][0] != REPLAYED:
        return None
    return int(record.headers[0][1])


@dataclass(frozen=True, slots=True)
class Letters:
    """The dead letters that are meant, and where those lie that were sent back."""

    chosen: list[DeadLetter]
    replayed: set[tuple[Partition, int]]

    @staticmethod
    def among(records: Iterable[Record], choice: Choice) -> "Letters":
        """Those among the records of dead-letter topics."""
        found = Letters([], set())
        for record in records:
            letter = letter_of(record)
            offset = replayed_offset(record)
            if letter is not None and choice.holds(letter):
                found.chosen.append(letter)
            elif offset is not None:
                found.replayed.add((record.source, offset))
        return found

    def was_replayed(self, letter: DeadLetter) -> bool:
        """Whether it was sent back."""
        return (letter.at, letter.offset) in self.replayed

    def groups(self) -> list[Group]:
        """By topic, job, stage and reason; the one with the newest dead letter first."""
        groups: dict[tuple[str, ...], Group] = {}
        for one in self.chosen:
            key = (one.source.topic, one.job_id, one.stage, _NUMBER.sub("0", one.reason))
            group = groups.setdefault(key, Group(one, oldest_ms=one.refused_ms))
            group.count += 1
            group.replayed += self.was_replayed(one)
            group.oldest_ms = min(group.oldest_ms, one.refused_ms)
            if one.refused_ms >= group.newest.refused_ms:
                group.newest = one
        return sorted(groups.values(), key=lambda group: -group.newest.refused_ms)
