"""Apache Kafka under the consume loop, through confluent-kafka (librdkafka)."""

import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from consumers.broker import Topic
from consumers.kafka_consumer import KafkaConsumer
from consumers.kafka_groups import set_up_group
from consumers.kafka_producer import KafkaProducer
from consumers.kafka_reader import KafkaReader
from consumers.kafka_transactional_consumer import TransactionalConsumer
from consumers.kafka_transactions import TransactionalProducer
from schemas.connections import CONNECTIONS

_log = logging.getLogger("posestream.consumers")

MAX_RECORD_BYTES = 8 * 1024 * 1024 + 64 * 1024
"""Frames' limit and room for a dead letter's headers."""

_ADMIN_TIMEOUT_S = 30.0
_FETCH_WAIT_MS = 50  # a fetch without news holds back one that asks for newly assigned partitions too
_LEAST_TRANSACTION_MS = 1000
_READER_FETCH_WAIT_MS = 20  # readers get new partitions at every take-over


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """How our clients talk to Kafka.

    Attributes:
        session_timeout_ms: A member that is silent for so long is counted out (kill -9); the broker's
            ``group.min.session.timeout.ms`` is 6000 by default.
        heartbeat_ms: A member hears of a rebalance with its next heartbeat, so this is what a hand-over takes.
        max_poll_interval_ms: A member whose handler takes longer is counted out.
        queued_kbytes: Read ahead, at most; for live streams small, for it is hidden age.
        delivery_timeout_ms: A record not taken by then fails the process.
        linger_ms: How long a record waits for others to go with.
        exactly_once: All producers of the broker are one, with transactions that its consumers commit; see
            ``kafka_transactions``. Otherwise a record can come twice after a crash.
        group_instance_id: A static member's id, for StatefulSets; "" is a dynamic member, which hands over
            at once when it leaves.
        group_protocol: ``classic`` (cooperative-sticky), or ``consumer`` (KIP-848, Kafka 4): the broker shares the
            partitions out, and ``session_timeout_ms`` is written into the group's settings at the broker.
    """

    session_timeout_ms: int = 6000
    heartbeat_ms: int = 100
    max_poll_interval_ms: int = 300_000
    queued_kbytes: int = 65_536
    delivery_timeout_ms: int = 120_000
    linger_ms: float = 1.0
    group_instance_id: str = ""
    group_protocol: str = "classic"
    exactly_once: bool = False


class KafkaBroker:
    """See ``consumers.broker.Broker``.

    Args:
        addresses: ``host:port``, several with commas between them.
        settings: How its clients are set up.
    """

    def __init__(self, addresses: str, settings: KafkaSettings | None = None) -> None:
        self._addresses = addresses
        self._settings = settings or KafkaSettings()
        self._transactional: TransactionalProducer | None = None
        self._asking: AdminClient | None = None

    def consumer(self, group: str) -> KafkaConsumer:
        """A member of ``group``: dynamic unless an instance id is set."""
        settings = self._settings
        config: dict[str, Any] = self._reading() | {
            "group.id": group,
            "max.poll.interval.ms": max(settings.max_poll_interval_ms, settings.session_timeout_ms),
            "auto.offset.reset": "error",  # an expired range is reported, never passed over in silence
        }
        heartbeat_ms = min(settings.heartbeat_ms, settings.session_timeout_ms // 3)
        if settings.group_protocol == "consumer":
            set_up_group(self._admin(), group, settings.session_timeout_ms, heartbeat_ms)
            config |= {"group.protocol": "consumer"}
        else:
            config |= {
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": settings.session_timeout_ms,
                "heartbeat.interval.ms": heartbeat_ms,
            }
        if settings.group_instance_id:
            config["group.instance.id"] = settings.group_instance_id
        if settings.exactly_once:
            return TransactionalConsumer(config, self._admin, self._transactions())
        return KafkaConsumer(config, self._admin)

    def producer(self) -> KafkaProducer:
        """An idempotent producer, acknowledged by all replicas in sync; with ``exactly_once`` always the same one."""
        return self._transactions() if self._settings.exactly_once else KafkaProducer(self._sending())

    def reader(self) -> KafkaReader:
        """A reader without a group."""
        return KafkaReader(self._reading() | {"fetch.wait.max.ms": _READER_FETCH_WAIT_MS}, self._admin)

    def ensure_topics(self, topics: Sequence[Topic]) -> None:
        """Create those that are missing, with the cluster's replication; returns when all can be used."""
        admin = self._admin()
        there = admin.list_topics(timeout=_ADMIN_TIMEOUT_S).topics  # not everybody may create: nothing is asked in vain
        missing = [topic for topic in topics if topic.name not in there]
        if not missing:
            return
        wanted = [NewTopic(t.name, num_partitions=t.partitions, config=dict(t.config)) for t in missing]
        for future in admin.create_topics(wanted, operation_timeout=_ADMIN_TIMEOUT_S).values():
            try:
                future.result(_ADMIN_TIMEOUT_S)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
        _wait_for(admin, {topic.name for topic in missing})

    def _transactions(self) -> TransactionalProducer:
        if self._transactional is None:
            # no longer than the session: when a killed worker's partitions move on, its transaction is over too
            limit_ms = max(_LEAST_TRANSACTION_MS, self._settings.session_timeout_ms)
            self._transactional = TransactionalProducer(
                self._sending()
                | {
                    "transactional.id": f"posestream-{uuid.uuid4()}",
                    "transaction.timeout.ms": limit_ms,
                    "delivery.timeout.ms": min(self._settings.delivery_timeout_ms, limit_ms),
                    "retry.backoff.ms": 5,  # the default makes each of two transactions in a row wait 100 ms
                }
            )
        return self._transactional

    def _sending(self) -> dict[str, Any]:
        return self._common() | {
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": self._settings.linger_ms,
            "message.max.bytes": MAX_RECORD_BYTES,
            "queue.buffering.max.kbytes": 131_072,
            "delivery.timeout.ms": self._settings.delivery_timeout_ms,
        }

    def _admin(self) -> AdminClient:
        """One for all that asks, since a new one is slow to start.

        librdkafka's list_offsets waits for a timer of 1 s, three times over, where it is the first call of a client
        that is not connected yet (seen in 1 of 12 calls); list_topics waits for the connection itself.
        """
        if self._asking is None:
            asking = AdminClient(self._common())
            asking.list_topics(timeout=_ADMIN_TIMEOUT_S)
            self._asking = asking
        return self._asking

    def _common(self) -> dict[str, Any]:
        return {
            "bootstrap.servers": self._addresses,
            "client.id": "posestream",
            **CONNECTIONS,
            "socket.keepalive.enable": True,
            "logger": _log,
        }

    def _reading(self) -> dict[str, Any]:
        return self._common() | {
            "enable.auto.commit": False,
            "fetch.message.max.bytes": MAX_RECORD_BYTES,
            "fetch.wait.max.ms": _FETCH_WAIT_MS,
            "fetch.queue.backoff.ms": 5,  # the default stops fetching for a second when the queue is full
            "queued.max.messages.kbytes": self._settings.queued_kbytes,
            "isolation.level": "read_committed",
        }


def _wait_for(admin: AdminClient, names: set[str]) -> None:
    """A new topic's leaders are known a little after the answer of ``create_topics``."""
    deadline_s = time.monotonic() + _ADMIN_TIMEOUT_S
    while time.monotonic() < deadline_s:
        known = admin.list_topics(timeout=_ADMIN_TIMEOUT_S).topics
        missing = [n for n in names if n not in known or any(p.leader < 0 for p in known[n].partitions.values())]
        if not missing:
            return
        time.sleep(0.05)
    msg = f"topics {sorted(names)}: expected a leader for each partition within {_ADMIN_TIMEOUT_S:.0f} s"
    raise TimeoutError(msg)
