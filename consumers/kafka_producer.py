"""Sending to Kafka, with tickets that say how far deliveries have come."""

from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from consumers.broker import DeliveryFailed, Headers, Partition
from schemas import BadMessage, Overloaded


class KafkaProducer:
    """See ``consumers.broker.Producer``.

    Args:
        config: librdkafka's settings.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._producer = Producer(config)
        self._tickets = 0
        self._on_the_way: dict[int, None] = {}  # in the order of sending
        self._error = ""

    def send(
        self,
        to: Partition,
        key: bytes,
        value: bytes | None,
        headers: Headers = (),
        on_delivered: Callable[[int], None] | None = None,
    ) -> int:
        """Queue a record."""
        self._serve()
        ticket = self._tickets

        def settle(error: KafkaError | None, message: Message) -> None:
            self._settle(ticket, error, message, on_delivered)

        try:
            self._producer.produce(
                to.topic, value=value, key=key, partition=to.number, headers=list(headers), on_delivery=settle
            )
        except BufferError as error:
            msg = f"producer: {len(self._producer)} records wait for the broker"
            raise Overloaded(msg) from error
        except KafkaException as error:
            if error.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
                raise
            msg = f"record for {to}: {len(value or b'')} bytes are over the limit"
            raise BadMessage(msg, "send") from error
        self._on_the_way[ticket] = None
        self._tickets += 1
        return ticket

    def settled(self) -> int:
        """Tickets below this are delivered."""
        self._serve()
        return next(iter(self._on_the_way), self._tickets)

    def flush(self, timeout_s: float) -> None:
        """Wait until all are delivered."""
        left = self._producer.flush(timeout_s)
        self._check()
        if left:
            msg = f"producer: {left} records not delivered after {timeout_s:.1f} s"
            raise TimeoutError(msg)

    def close(self) -> None:
        """Drop what is queued and let go."""
        self._producer.purge()
        self._producer.flush(0)

    def _serve(self) -> None:
        self._producer.poll(0)
        self._check()

    def _check(self) -> None:
        if self._error:
            raise DeliveryFailed(self._error)

    def _settle(
        self, ticket: int, error: KafkaError | None, message: Message, on_delivered: Callable[[int], None] | None
    ) -> None:
        if error is not None:  # the ticket stays on the way: nothing after it counts as settled
            self._error = self._error or f"{message.topic()}[{message.partition()}]: {error}"
            return
        self._on_the_way.pop(ticket, None)
        offset = message.offset()
        if on_delivered and offset is not None:
            on_delivered(offset)
