"""Kafka's messages as records."""

from confluent_kafka import Message

from consumers.broker import Headers, Record


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
