"""Reading the end of a partition, newest record first."""

import time
import uuid
from collections.abc import Iterator
from typing import Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas import PosestreamError
from schemas.connections import CONNECTIONS

_FIRST_CHUNK = 4  # what is looked for is nearly always among the last few
_LARGEST_CHUNK = 1024
_TIMEOUT_S = 20.0
_RETRY_S = 0.5


class BrokerSilent(PosestreamError):
    """The broker did not answer in time."""


class TailReader:
    """Reads partitions backwards; part of no group. A context manager.

    Args:
        kafka: Bootstrap servers.
    """

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._consumer = Consumer(
            {
                "bootstrap.servers": kafka,
                **CONNECTIONS,
                "group.id": f"posestream-tail-{uuid.uuid4()}",  # the client wants one; nothing is committed
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",  # retention may take a record away while we ask for it
                "fetch.wait.max.ms": 20,
                "fetch.queue.backoff.ms": 5,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def backwards(self, topic: str, number: int, since_ms: int = 0) -> Iterator[Message]:
        """Records of a partition, newest first, as it ends now.

        Args:
            topic: The topic.
            number: The partition.
            since_ms: Leave out what lies before the first record of this time or later, ms since the Unix epoch.

        Raises:
            BrokerSilent: No answer within 20 s.
        """
        low, end = self._ends(topic, number, since_ms)
        chunk = _FIRST_CHUNK
        while end > low:
            start = max(low, end - chunk)
            yield from reversed(self._read(topic, number, start, end))
            end, chunk = start, min(2 * chunk, _LARGEST_CHUNK)

    def _ends(self, topic: str, number: int, since_ms: int) -> tuple[int, int]:
        """Asked again where the broker is just being started again: the client gives up at once then."""
        deadline_s = time.monotonic() + _TIMEOUT_S
        while True:
            try:
                low, end = self._consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_TIMEOUT_S)
                if since_ms > 0:
                    asked = [TopicPartition(topic, number, since_ms)]
                    since = self._consumer.offsets_for_times(asked, timeout=_TIMEOUT_S)[0].offset
                    low = max(low, since) if since >= 0 else end
            except KafkaException as error:
                if time.monotonic() > deadline_s:
                    msg = f"{topic}[{number}]: Kafka at {self._kafka} says: {error.args[0].str()}"
                    raise BrokerSilent(msg) from error
                time.sleep(_RETRY_S)
            else:
                return low, end

    def _read(self, topic: str, number: int, start: int, end: int) -> list[Message]:
        self._consumer.assign([TopicPartition(topic, number, start)])
        deadline_s = time.monotonic() + _TIMEOUT_S
        found: list[Message] = []
        problem = "no answer"
        while time.monotonic() < deadline_s:
            message = self._consumer.poll(0.2)
            if message is None:
                continue
            error = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its only name
                return found
            if error is not None:
                problem = error.str()
                continue
            # the last offsets may hold no record: markers of transactions, or compacted away
            if (message.offset() or 0) >= end:
                return found
            found.append(message)
            if message.offset() == end - 1:
                return found
        msg = f"{topic}[{number}]: offsets {start} to {end} not read within {_TIMEOUT_S:.0f} s: {problem}"
        raise BrokerSilent(msg)
