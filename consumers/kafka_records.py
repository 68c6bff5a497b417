"""Kafka's messages and partitions in our words."""

import time

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from consumers.broker import Headers, Partition, Record

_QUERY_TIMEOUT_S = 10.0
_RETRY_S = 0.05


def watermarks(consumer: Consumer, partition: Partition) -> tuple[int, int]:
    """The offsets of the oldest record and of the next one to come, as the broker says now.

    Raises:
        KafkaException: No answer in 10 s, or one that asking again does not mend.
    """
    where = TopicPartition(partition.topic, partition.number)
    deadline_s = time.monotonic() + _QUERY_TIMEOUT_S
    while True:
        try:
            return consumer.get_watermark_offsets(where, timeout=_QUERY_TIMEOUT_S, cached=False)
        except KafkaException as error:
            # a topic that was just made, or moved: the leader is not known everywhere yet
            passing = error.args[0].name() in ("NOT_LEADER_FOR_PARTITION", "LEADER_NOT_AVAILABLE")
            if not passing or time.monotonic() > deadline_s:
                raise
            time.sleep(_RETRY_S)


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
