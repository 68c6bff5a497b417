"""The Kafka client under the publisher: one job's records to its partition."""

import logging
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas import Job, Mode, PosestreamError
from schemas.connections import CONNECTIONS
from schemas.topics import MESSAGE_LIMIT_BYTES
from schemas.traces import TRACEPARENT

_log = logging.getLogger("posestream.producers")

LARGEST_BYTES = MESSAGE_LIMIT_BYTES - 1024
"""Of a value: the topic's limit counts key, headers and the batch around a record too."""

_LIVE_DELIVERY_MS = 5_000  # an older frame of a camera is of no use
_FOR_EVER_MS = 0  # a record that times out while later ones arrive would leave a hole
_QUEUE_KBYTES = 65_536
_HOPELESS = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - librdkafka's own codes are spelt so
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    }
)


class DeliveryError(PosestreamError):
    """The broker did not take what must not be lost."""


class JobClient:
    """An idempotent producer bound to a job's key and partition. Not thread-safe.

    In mode ``all`` a record never times out: what the broker has taken is always the first so many of them. In mode
    ``live`` one that is not taken within 5 s fails.

    Args:
        kafka: Bootstrap servers.
        job: Gives key, partition and mode.
        connect: Makes the client from librdkafka's settings.
    """

    def __init__(self, kafka: str, job: Job, connect: Callable[[dict[str, Any]], Producer] = Producer) -> None:
        self.address = kafka
        self._key, self._partition = job.id.encode(), job.partition
        self._producer = connect(_config(kafka, job.mode))

    def send(self, topic: str, value: bytes, settled: Callable[[KafkaError | None], None], trace: str = "") -> bool:
        """Queue a record; ``settled`` is called from ``poll`` or ``flush`` when its fate is known.

        Args:
            topic: Where it goes; the partition is the job's.
            value: The record.
            settled: Called with the error, or None when it is delivered.
            trace: Its ``traceparent``; "" for none.

        Returns:
            False where there is no room; then ``settled`` is not called.

        Raises:
            DeliveryError: The client refuses the record for good.
        """

        def on_delivery(error: KafkaError | None, _message: Message) -> None:
            settled(error)

        headers: dict[str, str | bytes | None] = {TRACEPARENT: trace.encode()} if trace else {}
        try:
            self._producer.produce(topic, value, self._key, self._partition, on_delivery=on_delivery, headers=headers)
        except BufferError:
            return False
        except KafkaException as error:
            msg = f"Kafka's client refused a record for {topic}[{self._partition}]: {error.args[0].str()}"
            raise DeliveryError(msg) from error
        return True

    def poll(self, timeout_s: float) -> None:
        """Notice deliveries for at most so long."""
        self._producer.poll(timeout_s)

    def flush(self, timeout_s: float) -> int:
        """Wait for deliveries; how many are still under way."""
        return self._producer.flush(max(0.0, timeout_s))

    def abandon(self) -> None:
        """Forget all that is under way."""
        self._producer.purge()


def is_hopeless(error: KafkaError) -> bool:
    """Whether trying again, or another record, would fail in the same way."""
    return error.fatal() or error.code() in _HOPELESS


def _config(kafka: str, mode: Mode) -> dict[str, Any]:
    def on_error(error: KafkaError) -> None:
        _log.warning("Kafka at %s: %s; trying again", kafka, error.str())

    return {
        "bootstrap.servers": kafka,
        **CONNECTIONS,
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 1,
        "compression.type": "zstd",
        "compression.level": 1,
        "message.max.bytes": MESSAGE_LIMIT_BYTES,
        "queue.buffering.max.kbytes": _QUEUE_KBYTES,
        "message.timeout.ms": _LIVE_DELIVERY_MS if mode is not Mode.ALL else _FOR_EVER_MS,
        "error_cb": on_error,
        "logger": _log,
    }
