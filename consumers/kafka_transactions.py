"""Exactly once through Kafka: what a process sends and how far it has come become visible together, or not at all."""

import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from consumers.broker import Headers, Partition, Position
from consumers.kafka_consumer import MOVED
from consumers.kafka_producer import KafkaProducer
from consumers.patience import Patience, within
from schemas import Overloaded

_log = logging.getLogger("posestream.consumers")

_START_TIMEOUT_S = 30.0
_LAST_WORDS_S = 1.0
_ABORT_S = 1.0


class TransactionalProducer(KafkaProducer):
    """A producer whose records are seen by readers once ``commit`` has returned True; shared by a whole process.

    Attributes:
        broken: Why the open transaction can never be committed; "" while it can. ``recover`` starts afresh.

    Args:
        config: librdkafka's settings, with ``transactional.id``.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._config = config
        self._open = False
        self._first_ticket = 0
        self._patience = Patience()
        self._sound = False  # nothing of what was sent is in doubt: we gave it up, or its positions were refused
        self.broken = ""
        self._producer.init_transactions(_START_TIMEOUT_S)

    def send(
        self,
        to: Partition,
        key: bytes,
        value: bytes | None,
        headers: Headers = (),
        on_delivered: Callable[[int], None] | None = None,
    ) -> int:
        """Queue a record in the open transaction, or in a new one."""
        try:
            self._begin()
            return super().send(to, key, value, headers, on_delivered)
        except KafkaException as error:
            self.broken = self.broken or str(error.args[0])
        msg = f"producer: its transaction is given up: {self.broken}"
        raise Overloaded(msg)

    def flush(self, timeout_s: float) -> None:
        """Wait until all are delivered; they are not committed by that."""
        if not self.broken:
            with self._fatal_noted():
                super().flush(timeout_s)
        if self.broken:
            msg = f"producer: its transaction is given up: {self.broken}"
            raise TimeoutError(msg)

    def commit(self, positions: Mapping[Partition, Position], group: object, timeout_s: float) -> bool:
        """End the transaction, a group's positions with it.

        Args:
            positions: May be empty.
            group: The consumer's ``consumer_group_metadata()``: who is not of its generation any more is refused.
            timeout_s: How long it may take at most.

        Returns:
            False if it was refused or is in doubt: ``broken`` says why.
        """
        if self.broken or not (positions or self._open):
            return not self.broken
        offsets = [TopicPartition(p.topic, p.number, at.offset, at.metadata) for p, at in positions.items()]
        producer = self._producer
        limit_s = self._patience.limit_s(timeout_s)

        def end() -> None:
            if offsets:
                producer.send_offsets_to_transaction(offsets, group, limit_s)
            producer.commit_transaction(limit_s)

        try:
            self._begin()
            self._patience.took(within(limit_s, end))
        except (KafkaException, TimeoutError) as error:
            self._patience.ended()
            self.broken = str(error.args[0])
            self._sound = _refused(error) and not self._on_the_way
            return False
        self._open = False
        return True

    def recover(self, timeout_s: float) -> None:
        """Abort what was open and go on; a commit that was in doubt is ended by the broker first.

        Raises:
            KafkaException: The broker does not answer now; to be asked again.
        """
        self._first_ticket = self._tickets  # what is still said about what was sent so far is of no interest
        if not (self._sound and self._aborted()):
            self._producer.purge()
            self._producer = Producer(self._config)  # of the same id: it takes the old one's place
            self._producer.init_transactions(timeout_s)
        self._on_the_way.clear()
        self._open, self._sound, self._error, self.broken = False, False, "", ""

    def _aborted(self) -> bool:
        """Whether the client aborted the transaction itself: a new one waits half a second for the broker to do so.

        Not after one that left records undelivered: librdkafka 2.16 then goes on with sequence numbers that the broker
        refuses.
        """
        try:
            within(_ABORT_S, lambda: self._producer.abort_transaction(_ABORT_S))
        except (KafkaException, TimeoutError) as error:
            _log.info("not aborted by the client itself: %s", error.args[0])
            return False
        return True

    def close(self) -> None:
        """Drop what is not committed and let go; a second call does nothing."""
        if self._open:
            try:
                self._producer.purge()
                self._producer.abort_transaction(_LAST_WORDS_S)
            except KafkaException as error:
                _log.warning("the broker will abort the transaction by itself: %s", error.args[0])
            self._open = False
        with self._fatal_noted():
            super().close()

    def give_up(self, reason: str) -> None:
        """Part of what was sent may not be seen: all of the open transaction is to be aborted."""
        if self._open:
            self._sound = not self.broken
            self.broken = self.broken or reason

    def _begin(self) -> None:
        if self.broken:
            msg = f"producer: its transaction is given up: {self.broken}"
            raise Overloaded(msg)
        if not self._open:
            self._producer.begin_transaction()
            self._open = True

    def _serve(self) -> None:
        with self._fatal_noted():
            super()._serve()

    @contextmanager
    def _fatal_noted(self) -> Generator[None]:
        """Where the broker took the producer's place away, whatever is raised means that.

        confluent-kafka 2.16 calls delivery reports with an exception pending then; SystemError and AttributeError
        were seen.
        """
        try:
            yield
        except Exception as error:  # noqa: BLE001 - see above
            self.broken = self.broken or f"{type(error).__name__}: {error}"

    def _check(self) -> None:
        self.broken = self.broken or self._error

    def _settle(
        self, ticket: int, error: KafkaError | None, message: Message, on_delivered: Callable[[int], None] | None
    ) -> None:
        if ticket >= self._first_ticket:
            super()._settle(ticket, error, message, on_delivered)


def _refused(error: Exception) -> bool:
    """Whether the broker answered that these positions are not ours to commit: the group moves, or has moved on."""
    cause = error.args[0]
    return isinstance(cause, KafkaError) and cause.txn_requires_abort() and cause.name() in MOVED
