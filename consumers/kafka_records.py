"""Kafka's messages and partitions in our words."""

import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import EarliestSpec, LatestSpec, OffsetSpec, TimestampSpec

from consumers.broker import Headers, Partition, Record

_QUERY_TIMEOUT_S = 10.0
_RETRY_S = 0.05
# names of errors, as KafkaError.name() gives them
_PASSING = frozenset(
    {
        "_TRANSPORT",
        "_ALL_BROKERS_DOWN",
        "_TIMED_OUT",
        "_WAIT_COORD",
        "_DESTROY",
        "REQUEST_TIMED_OUT",
        "NOT_COORDINATOR",
        "COORDINATOR_NOT_AVAILABLE",
        "COORDINATOR_LOAD_IN_PROGRESS",
        # a topic that was just made, or whose broker was started again: the leader is not known everywhere yet
        "NOT_LEADER_FOR_PARTITION",
        "LEADER_NOT_AVAILABLE",
        "FENCED_LEADER_EPOCH",
        "UNKNOWN_LEADER_EPOCH",
        "_NOENT",  # "No leaders found", of a client that asks
    }
)


@dataclass(frozen=True, slots=True)
class Watermarks:
    """Where a partition begins and ends: the oldest offset that is left, and the next one to come."""

    low: int
    high: int


def watermarks(admin: AdminClient, partitions: Collection[Partition]) -> dict[Partition, Watermarks]:
    """Ask the broker where partitions begin and end.

    An admin client has a connection of its own: on a consumer's the answer would wait behind its fetch.

    Raises:
        KafkaException: No answer in 10 s, or one that asking again does not mend.
    """
    deadline_s = time.monotonic() + _QUERY_TIMEOUT_S
    while True:
        try:
            low, high = (_offsets(admin, partitions, spec) for spec in (EarliestSpec(), LatestSpec()))
        except KafkaException as error:
            if not is_passing(error.args[0]) or time.monotonic() > deadline_s:
                raise
            time.sleep(_RETRY_S)
            _ask_leaders(admin, partitions)
        else:
            return {partition: Watermarks(low[partition], high[partition]) for partition in partitions}


def is_passing(error: KafkaError) -> bool:
    """Whether the same may go well when it is tried again."""
    return error.name() in _PASSING or error.retriable()


def offset_since(admin: AdminClient, partition: Partition, time_ms: int) -> int:
    """The first offset whose record was published at ``time_ms`` or later; the end where there is none.

    Raises:
        KafkaException: As ``watermarks``.
    """
    end = watermarks(admin, [partition])[partition].high
    found = _offsets(admin, [partition], TimestampSpec(time_ms))[partition]
    return found if found >= 0 else end  # -1: every record is older


def _ask_leaders(admin: AdminClient, partitions: Collection[Partition]) -> None:
    """Let the client forget leaders of before the broker's restart; by itself it does so minutes later."""
    with suppress(KafkaException):  # the next try tells
        for topic in {partition.topic for partition in partitions}:
            admin.list_topics(topic, timeout=_RETRY_S * 20)


def _offsets(admin: AdminClient, partitions: Collection[Partition], spec: OffsetSpec) -> dict[Partition, int]:
    asked = {TopicPartition(partition.topic, partition.number): spec for partition in partitions}
    answers = admin.list_offsets(asked, request_timeout=_QUERY_TIMEOUT_S) if asked else {}
    return {Partition(at.topic, at.partition): future.result(_QUERY_TIMEOUT_S).offset for at, future in answers.items()}


def record_of(message: Message) -> Record:
    """The record in a message that carries no error."""
    offset = message.offset()
    return Record(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=0 if offset is None else offset,
        key=message.key(),
        value=message.value(),
        headers=_headers(message),
        timestamp_ms=message.timestamp()[1],
    )


def _headers(message: Message) -> Headers:
    found = message.headers()
    if not found:
        return ()
    pairs = found.items() if isinstance(found, dict) else found
    return tuple((name, value if isinstance(value, bytes) else (value or "").encode()) for name, value in pairs)
