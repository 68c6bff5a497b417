"""A member of a Kafka consumer group."""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from consumers.broker import Ownership, Partition, Position, Record
from consumers.kafka_records import is_passing, record_of, watermarks
from schemas import Overloaded

_log = logging.getLogger("posestream.consumers")

_QUERY_TIMEOUT_S = 10.0
_AGAIN_S = 1.0
MOVED = frozenset(
    {
        "ILLEGAL_GENERATION",
        "UNKNOWN_MEMBER_ID",
        "REBALANCE_IN_PROGRESS",
        "STALE_MEMBER_EPOCH",
        "FENCED_MEMBER_EPOCH",
        "FENCED_INSTANCE_ID",
        "_ASSIGNMENT_LOST",
        "_STATE",
        "_NO_OFFSET",
    }
)
"""Names of errors by which a commit is refused as the group moves or has moved on (``KafkaError.name()``)."""
_HOPELESS = frozenset({"UNKNOWN_TOPIC_OR_PART", "TOPIC_AUTHORIZATION_FAILED"})


class KafkaConsumer:
    """See ``consumers.broker.Consumer``.

    Args:
        config: librdkafka's settings, with ``auto.offset.reset`` at ``error``.
        admin: Gives the client that is asked where partitions begin; called when it is needed.
    """

    def __init__(self, config: dict[str, Any], admin: Callable[[], AdminClient]) -> None:
        self._admin = admin
        self._consumer = Consumer(config)
        self._ownership: Ownership | None = None
        self._next: dict[Partition, int] = {}  # ours, with the next offset to return
        self._back: set[Partition] = set()  # ours for the group; they could not be taken yet
        self._again_at_s = 0.0
        self._raised: BaseException | None = None  # in a callback: the C code in between would lose it

    def subscribe(self, topics: Sequence[str], ownership: Ownership) -> None:
        """Join the group."""
        self._ownership = ownership
        self._consumer.subscribe(
            list(topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    def poll(self, max_records: int, timeout_s: float) -> list[Record]:
        """The next records of what is ours."""
        if self._back and time.monotonic() >= self._again_at_s:
            self._take_again(self._consumer)
        # librdkafka 2.16 looks whether a heartbeat is due when it has something to do, else once a second; this gives
        # it something (20 us). The answer to a heartbeat is what tells of a rebalance.
        self._consumer.memberid()
        first = self._consumer.poll(timeout_s)
        # one call for the rest: each call hands the interpreter's lock to other threads
        rest = self._consumer.consume(max_records - 1, 0) if first is not None else []
        self._raise()
        if first is None:
            return []
        found: list[Record] = []
        for message in (first, *rest):
            error = message.error()
            if error is None:
                found.append(record_of(message))
            else:
                self._on_error(error, Partition(message.topic() or "", message.partition() or 0))
        found = [record for record in found if record.source in self._next]  # the group may have moved meanwhile
        for record in found:
            self._next[record.source] = record.offset + 1
        return found

    def commit(self, positions: Mapping[Partition, Position], timeout_s: float) -> bool:  # noqa: ARG002 - librdkafka's own limits hold
        """Store positions; TimeoutError where no coordinator answers."""
        offsets = [TopicPartition(p.topic, p.number, at.offset, at.metadata) for p, at in positions.items()]
        try:
            stored = self._consumer.commit(offsets=offsets, asynchronous=False) or []
            error = next((item.error for item in stored if item.error), None)
        except KafkaException as raised:
            error = raised.args[0]
        if error is None:
            return True
        if error.name() in MOVED:
            _log.info("commit refused: %s", error)
            return False
        if is_passing(error):
            msg = f"commit: {error}"
            raise TimeoutError(msg)
        raise KafkaException(error)

    def pause(self, partitions: Collection[Partition]) -> None:
        """Bring no more of these."""
        self._consumer.pause(self._ours(partitions))

    def resume(self, partitions: Collection[Partition]) -> None:
        """Bring them again."""
        self._consumer.resume(self._ours(partitions))

    def lag(self) -> Mapping[Partition, int]:
        """Records not returned yet, by what the broker last told."""
        behind: dict[Partition, int] = {}
        for partition, offset in self._next.items():
            _, high = self._consumer.get_watermark_offsets(
                TopicPartition(partition.topic, partition.number), cached=True
            )
            if high >= 0 and offset >= 0:
                behind[partition] = max(0, high - offset)
        return behind

    def close(self) -> None:
        """Leave the group."""
        if self._ownership is not None:
            self._consumer.close()
            self._ownership = None
            self._raise()

    def _ours(self, partitions: Collection[Partition]) -> list[TopicPartition]:
        return [TopicPartition(p.topic, p.number) for p in partitions if p in self._next]

    def _raise(self) -> None:
        raised, self._raised = self._raised, None
        if raised is not None:
            raise raised

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            self._take(consumer, partitions)
        except BaseException as error:  # noqa: BLE001 - raised again by the call that served the callback
            self._raised = error

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._drop(consumer, partitions, self._told_revoked)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._drop(consumer, partitions, self._told_lost)

    def _told_revoked(self, ownership: Ownership, partitions: Collection[Partition]) -> None:
        ownership.revoked(partitions)

    def _told_lost(self, ownership: Ownership, partitions: Collection[Partition]) -> None:
        ownership.lost(partitions)

    def _take(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Take what the group gives us; where broker or handler are not up to it now, try it again later."""
        if not partitions or self._ownership is None or self._raised:
            return
        try:
            self._start(consumer, partitions, self._ownership)
        except (KafkaException, Overloaded, TimeoutError) as error:
            if isinstance(error, KafkaException) and not is_passing(error.args[0]):
                raise
            _log.warning("partitions not taken yet, tried again in %.0f s: %s", _AGAIN_S, error)
            taken = {Partition(item.topic, item.partition) for item in partitions}
            for partition in taken:
                self._next.pop(partition, None)
            self._ownership.lost(taken)
            self._back |= taken
            self._again_at_s = time.monotonic() + _AGAIN_S
            # a place that nothing is read from yet: the group's own may not be known
            consumer.incremental_assign([TopicPartition(p.topic, p.number, OFFSET_END) for p in sorted(taken)])

    def _start(self, consumer: Consumer, partitions: list[TopicPartition], ownership: Ownership) -> None:
        known = consumer.committed(partitions, timeout=_QUERY_TIMEOUT_S)
        committed = {Partition(t.topic, t.partition): _position(t) for t in known}
        starts = ownership.assigned(committed)
        for partition, position in committed.items():
            self._next[partition] = starts.get(partition, position.offset if position else OFFSET_BEGINNING)
        taken = [TopicPartition(p.topic, p.number, self._next[p]) for p in committed]
        consumer.incremental_assign(taken)
        consumer.resume(taken)  # one that was paused when it was lost is still so for librdkafka

    def _take_again(self, consumer: Consumer) -> None:
        """Take what was put off and is still given to us by the group."""
        back, self._back = self._back, set()
        assigned = {Partition(item.topic, item.partition) for item in consumer.assignment()}
        again = [TopicPartition(p.topic, p.number) for p in sorted(back & assigned)]
        if again:
            consumer.incremental_unassign(again)
            self._take(consumer, again)

    def _drop(
        self,
        consumer: Consumer,
        partitions: list[TopicPartition],
        tell: Callable[[Ownership, Collection[Partition]], None],
    ) -> None:
        gone = {Partition(item.topic, item.partition) for item in partitions} & set(self._next)
        try:
            if gone and self._ownership:
                tell(self._ownership, gone)
        except BaseException as error:  # noqa: BLE001 - raised again by the call that served the callback
            self._raised = self._raised or error
        for partition in gone:
            del self._next[partition]
        self._back -= {Partition(item.topic, item.partition) for item in partitions}
        consumer.incremental_unassign(partitions)

    def _on_error(self, error: KafkaError, partition: Partition) -> None:
        if error.name() == "_AUTO_OFFSET_RESET" and partition in self._next:
            self._skip_expired(partition)
        elif error.fatal() or error.name() in _HOPELESS:
            raise KafkaException(error)
        else:
            _log.warning("kafka: %s", error)

    def _skip_expired(self, partition: Partition) -> None:
        """Go on at the oldest record that is left and report what was lost.

        A position beyond the end means that the topic was made anew: none of its records has been read. One that is
        there is kept: the error is of before the partition was taken again.
        """
        marks = watermarks(self._admin(), [partition])[partition]
        wanted = self._next[partition]
        if 0 <= wanted < marks.low and self._ownership:
            self._ownership.expired(partition, wanted, marks.low - 1)
        elif wanted > marks.high:
            _log.error(
                "%s ends at %d, the group had come to %d: read again from its start", partition, marks.high, wanted
            )
        self._next[partition] = wanted if marks.low <= wanted <= marks.high else marks.low
        self._consumer.incremental_unassign([TopicPartition(partition.topic, partition.number)])
        self._consumer.incremental_assign([TopicPartition(partition.topic, partition.number, self._next[partition])])


def _position(known: TopicPartition) -> Position | None:
    if known.error:
        raise KafkaException(known.error)
    return Position(known.offset, known.metadata or "") if known.offset >= 0 else None
