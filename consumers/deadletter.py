"""Where records go that can never be handled: the dead-letter topic of their topic."""

import logging
import time
from collections import deque
from collections.abc import Callable

from consumers.broker import Headers, Partition, Producer, Record
from schemas import BadMessage, Overloaded, PosestreamError
from schemas.topics import dlq_topic

_log = logging.getLogger("posestream.consumers")

_REASON_BYTES = 4096  # the dead-letter topic's limit leaves 64 KiB for all headers
_FULL_QUEUE_S = 10.0
_WINDOW_S = 60.0


class TooManyDeadLetters(PosestreamError):
    """So many records cannot be handled that something else is wrong: the process stops, and commits nothing more."""

    exit_code = 3


class DeadLetters:
    """Sends records on unchanged, with the reason in headers; a record without a key keeps an empty one.

    Headers added: ``x-error``, ``x-stage``, ``x-topic``, ``x-partition``, ``x-offset``, ``x-timestamp-ms``, as text.

    Args:
        producer: Of the loop; with transactions, the one of the whole process.
        limit: At most this many within any 60 s; 0 is no limit.
        clock: Seconds, monotonic.
    """

    def __init__(self, producer: Producer, limit: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._producer = producer
        self._clock = clock
        self._limit = limit
        self._sent_s: deque[float] = deque(maxlen=limit)

    def send(self, record: Record, error: BadMessage) -> None:
        """Queue a record for ``<topic>.dlq``, same partition number.

        Raises:
            TooManyDeadLetters: It would be more than the limit allows.
        """
        self._count(record, error)
        _log.warning("dead letter %s@%d: %s: %s", record.source, record.offset, error.stage, error.reason)
        headers = record.headers + _reason(record, error)
        to = Partition(dlq_topic(record.topic), record.partition)
        try:
            self._producer.send(to, record.key or b"", record.value, headers)
        except Overloaded:
            self._producer.flush(_FULL_QUEUE_S)  # a dead letter must not be dropped: wait, or stop the loop
            self._producer.send(to, record.key or b"", record.value, headers)

    def _count(self, record: Record, error: BadMessage) -> None:
        if not self._limit:
            return
        now_s = self._clock()
        if len(self._sent_s) == self._limit and now_s - self._sent_s[0] < _WINDOW_S:
            msg = (
                f"more than {self._limit} dead letters in a minute, stopped at {record.source}@{record.offset}: "
                f"{error.stage}: {error.reason}; nothing after the last commit is lost: mend the cause and start "
                "again, or raise --dead-letter-limit"
            )
            raise TooManyDeadLetters(msg)
        self._sent_s.append(now_s)

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
