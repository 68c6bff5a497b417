"""Exactly once through Kafka: what a process sends and how far it has come become visible together, or not at all."""

import logging
import time
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from consumers.broker import Headers, Ownership, Partition, Position, Record
from consumers.kafka_consumer import MOVED, KafkaConsumer
from consumers.kafka_producer import KafkaProducer
from consumers.kafka_records import is_passing
from consumers.patience import Patience, within
from schemas import Overloaded

_log = logging.getLogger("posestream.consumers")

_START_TIMEOUT_S = 30.0
_RECOVER_TIMEOUT_S = 5.0
_LAST_WORDS_S = 1.0
_ABORT_S = 1.0
_NEWS_S = 0.005  # heartbeat and join took 3 ms here


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


class TransactionalConsumer(KafkaConsumer):
    """A member whose positions are committed by the process's transactions.

    Where a transaction is given up, what was done since the last one is undone: the partitions that are still ours
    are told as lost and come back as assigned, from the group's positions on.

    Args:
        config: See ``KafkaConsumer``.
        admin: See ``KafkaConsumer``.
        producer: Of the process.
    """

    def __init__(
        self, config: dict[str, Any], admin: Callable[[], AdminClient], producer: TransactionalProducer
    ) -> None:
        super().__init__(config, admin)
        self._producer = producer
        self._committed = False  # since a revoke began

    def poll(self, max_records: int, timeout_s: float) -> list[Record]:
        """The next records of what is ours; none while a transaction is being undone."""
        if self._producer.broken and not self._went_back():
            return []
        return super().poll(max_records, timeout_s)

    def commit(self, positions: Mapping[Partition, Position], timeout_s: float) -> bool:
        """Commit everything sent so far, with these positions."""
        self._consumer.memberid()  # a heartbeat that is due goes out, see ``KafkaConsumer.poll``,
        time.sleep(_NEWS_S)  # and where it tells of a rebalance, that has made its new generation before we name ours
        self._committed = self._producer.commit(positions, self._consumer.consumer_group_metadata(), timeout_s)
        if not self._committed:
            _log.info("transaction given up: %s", self._producer.broken)
        return self._committed

    def _told_revoked(self, ownership: Ownership, partitions: Collection[Partition]) -> None:
        self._committed = False
        ownership.revoked(partitions)
        if self._committed:  # only the last words about them are left to be said
            self._producer.commit({}, None, _LAST_WORDS_S)
        else:  # what was sent about them must not be seen without their positions
            self._producer.give_up("partitions were revoked before the commit")

    def _told_lost(self, ownership: Ownership, partitions: Collection[Partition]) -> None:
        ownership.lost(partitions)
        self._producer.give_up("partitions were lost")

    def _went_back(self) -> bool:
        """Whether the broken transaction is undone and everything is as the group knows it."""
        ownership = self._ownership
        ours = set(self._next)
        if ours and ownership:
            _log.warning("going back to the last transaction: %s", self._producer.broken)
            ownership.lost(ours)
            self._back |= ours
            self._next.clear()
        try:
            for topic in {partition.topic for partition in self._back}:  # a client made while it is away waits longer
                self._admin().list_topics(topic, timeout=_RECOVER_TIMEOUT_S)
            self._producer.recover(_RECOVER_TIMEOUT_S)
            self._consumer.poll(0)  # the group may have given up on us: nothing is to be taken in vain
            self._raise()
            self._take_again(self._consumer)
        except KafkaException as error:
            if not is_passing(error.args[0]):
                raise
            _log.warning("not yet: %s", error.args[0])
            self._producer.broken = self._producer.broken or "the broker does not answer"
            return False
        return True
