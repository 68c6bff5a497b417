"""Partitions that the group gives while broker or handler are away: kept, and taken when they are back."""

from collections.abc import Collection, Mapping

import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from consumers import kafka_consumer
from consumers.broker import Partition, Position
from consumers.kafka_consumer import KafkaConsumer
from consumers.kafka_records import Watermarks
from schemas import BadJob, Overloaded

FRAMES = Partition("frames", 3)
NOWHERE = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0}


class GroupClient:
    """What a callback gets from librdkafka; the group gives it one partition."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.log: list[str] = []

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:  # noqa: ARG002
        if self.failures:
            raise KafkaException(KafkaError(getattr(KafkaError, self.failures.pop())))
        return [TopicPartition(one.topic, one.partition, 7) for one in partitions]

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(FRAMES.topic, FRAMES.number)]

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self.log.append(f"assign {[one.offset for one in partitions]}")

    def incremental_unassign(self, _partitions: list[TopicPartition]) -> None:
        self.log.append("unassign")

    def resume(self, _partitions: list[TopicPartition]) -> None:
        pass


class Owner:
    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self.log: list[str] = []

    def assigned(self, committed: Mapping[Partition, Position | None]) -> Mapping[Partition, int]:
        if self.errors:
            raise self.errors.pop()
        self.log.append(f"assigned {[at and at.offset for at in committed.values()]}")
        return {}

    def revoked(self, _partitions: Collection[Partition]) -> None:
        self.log.append("revoked")

    def lost(self, _partitions: Collection[Partition]) -> None:
        self.log.append("lost")

    def expired(self, partition: Partition, first_offset: int, last_offset: int) -> None:
        raise NotImplementedError


@pytest.fixture
def consumer() -> KafkaConsumer:
    made = KafkaConsumer(NOWHERE | {"group.id": "g"}, lambda: AdminClient(NOWHERE))
    made._ownership = Owner()
    return made


def give(consumer: KafkaConsumer, client: GroupClient) -> None:
    consumer._on_assign(client, [TopicPartition(FRAMES.topic, FRAMES.number)])  # type: ignore[arg-type]
    consumer._raise()


@pytest.mark.parametrize("name", ["_TIMED_OUT", "_TRANSPORT", "FENCED_LEADER_EPOCH"])
def test_a_broker_that_is_away_puts_it_off(consumer: KafkaConsumer, name: str) -> None:
    client, owner = GroupClient(), consumer._ownership
    client.failures = [name]
    give(consumer, client)
    assert (owner.log, consumer._next) == (["lost"], {})
    assert client.log == ["assign [-1]"], "from its end: a group that has no position yet would be an error"
    consumer._take_again(client)  # type: ignore[arg-type]
    assert owner.log == ["lost", "assigned [7]"]
    assert consumer._next == {FRAMES: 7}
    assert client.log[-2:] == ["unassign", "assign [7]"]


def test_a_handler_that_is_not_up_to_it_puts_it_off_again_and_again(consumer: KafkaConsumer) -> None:
    client, owner = GroupClient(), consumer._ownership
    owner.errors = [TimeoutError("slow"), Overloaded("full")]
    give(consumer, client)
    consumer._take_again(client)  # type: ignore[arg-type]
    assert consumer._next == {}
    consumer._take_again(client)  # type: ignore[arg-type]
    assert consumer._next == {FRAMES: 7}


def test_what_was_put_off_and_is_taken_away_is_forgotten(consumer: KafkaConsumer) -> None:
    client, owner = GroupClient(), consumer._ownership
    client.failures = ["_TIMED_OUT"]
    give(consumer, client)
    consumer._on_revoke(client, [TopicPartition(FRAMES.topic, FRAMES.number)])  # type: ignore[arg-type]
    consumer._take_again(client)  # type: ignore[arg-type]
    assert owner.log == ["lost"], "never ours, so not told as revoked"


@pytest.mark.parametrize(
    ("at", "told", "goes_on"), [(12, None, 12), (OFFSET_BEGINNING, None, 5), (3, (3, 4), 5), (40, None, 5)]
)
def test_a_lost_place_is_told_only_where_it_is_lost(
    consumer: KafkaConsumer, monkeypatch: pytest.MonkeyPatch, at: int, told: tuple[int, int] | None, goes_on: int
) -> None:
    client, expired = GroupClient(), list[tuple[int, int]]()
    monkeypatch.setattr(kafka_consumer, "watermarks", lambda _admin, asked: {one: Watermarks(5, 20) for one in asked})
    monkeypatch.setattr(consumer._ownership, "expired", lambda _partition, first, last: expired.append((first, last)))
    consumer._consumer = client  # type: ignore[assignment]
    consumer._next[FRAMES] = at
    consumer._on_error(KafkaError(KafkaError._AUTO_OFFSET_RESET), FRAMES)
    assert expired == ([told] if told else [])
    assert client.log == ["unassign", f"assign [{goes_on}]"]
    assert consumer._next == {FRAMES: goes_on}


def test_what_nobody_expected_still_stops(consumer: KafkaConsumer) -> None:
    client, owner = GroupClient(), consumer._ownership
    client.failures = ["TOPIC_AUTHORIZATION_FAILED"]
    with pytest.raises(KafkaException):
        give(consumer, client)
    owner.errors = [BadJob("no")]
    with pytest.raises(BadJob):
        give(consumer, client)
