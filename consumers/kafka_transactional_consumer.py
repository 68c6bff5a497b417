"""A member of a group whose positions go with its process's transactions, and back with one that is given up."""

import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from consumers.broker import Ownership, Partition, Position, Record
from consumers.kafka_consumer import KafkaConsumer
from consumers.kafka_records import is_passing
from consumers.kafka_transactions import TransactionalProducer

_log = logging.getLogger("posestream.consumers")

_RECOVER_TIMEOUT_S = 5.0
_LAST_WORDS_S = 1.0
_NEWS_S = 0.005  # heartbeat and join took 3 ms here


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
