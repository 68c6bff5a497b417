"""Where records go that can never be handled: the dead-letter topic of their topic."""

import logging

from consumers.broker import Headers, Partition, Producer, Record
from schemas import BadMessage, Overloaded
from schemas.topics import dlq_topic

_log = logging.getLogger("posestream.consumers")

_REASON_BYTES = 4096  # the dead-letter topic's limit leaves 64 KiB for all headers
_FULL_QUEUE_S = 10.0


class DeadLetters:
    """Sends records on unchanged, with the reason in headers; a record without a key keeps an empty one.

    Headers added: ``x-error``, ``x-stage``, ``x-topic``, ``x-partition``, ``x-offset``, ``x-timestamp-ms``, as text.

    Args:
        producer: Of the loop; with transactions, the one of the whole process.
    """

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    def send(self, record: Record, error: BadMessage) -> None:
        """Queue a record for ``<topic>.dlq``, same partition number."""
        _log.warning("dead letter %s@%d: %s: %s", record.source, record.offset, error.stage, error.reason)
        headers = record.headers + _reason(record, error)
        to = Partition(dlq_topic(record.topic), record.partition)
        try:
            self._producer.send(to, record.key or b"", record.value, headers)
        except Overloaded:
            self._producer.flush(_FULL_QUEUE_S)  # a dead letter must not be dropped: wait, or stop the loop
            self._producer.send(to, record.key or b"", record.value, headers)

    def flush(self, timeout_s: float) -> None:
        """Wait until all are delivered; TimeoutError if they are not in time."""
        self._producer.flush(timeout_s)

    def close(self) -> None:
        """Let go of the producer."""
        self._producer.close()


def _reason(record: Record, error: BadMessage) -> Headers:
    return (
        ("x-error", error.reason.encode()[:_REASON_BYTES]),
        ("x-stage", error.stage.encode()),
        ("x-topic", record.topic.encode()),
        ("x-partition", str(record.partition).encode()),
        ("x-offset", str(record.offset).encode()),
        ("x-timestamp-ms", str(record.timestamp_ms).encode()),
    )
