"""One suite for both brokers: what the consume loop relies on."""

import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from consumers.broker import Broker, Consumer, Partition, Position, Record
from consumers.kafka import KafkaBroker, KafkaSettings
from consumers.memory import MemoryBroker
from schemas import BadMessage
from schemas.topics import TopicSpec

PARTITIONS = 4
LIMIT_BYTES = 8 * 1024 * 1024


@dataclass
class World:
    """A broker with one fresh topic, and the fault that only a broker can make."""

    broker: Broker
    delete_before: Callable[[Partition, int], None]
    topic: str = field(default_factory=lambda: f"contract-{uuid.uuid4().hex[:8]}")
    group: str = field(default_factory=lambda: f"group-{uuid.uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        spec = TopicSpec(self.topic, PARTITIONS, {"max.message.bytes": str(LIMIT_BYTES)})
        self.broker.ensure_topics([spec])

    def partition(self, number: int) -> Partition:
        return Partition(self.topic, number)

    def put(self, number: int, *values: bytes | None) -> None:
        producer = self.broker.producer()
        for value in values:
            producer.send(self.partition(number), b"job", value, (("n", b"1"),))
        producer.flush(10)
        producer.close()


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.integration)])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        memory = MemoryBroker()
        return World(memory, memory.logs.delete_before)
    address = request.getfixturevalue("stack").kafka

    def delete_before(partition: Partition, offset: int) -> None:
        admin = AdminClient({"bootstrap.servers": address})
        for future in admin.delete_records([TopicPartition(partition.topic, partition.number, offset)]).values():
            future.result(10)

    return World(KafkaBroker(address, KafkaSettings()), delete_before)


class Member:
    """A consumer with its own notes; commits what it returned when it is told to give partitions up."""

    def __init__(self, world: World, starts: Mapping[Partition, int] | None = None) -> None:
        self.consumer: Consumer = world.broker.consumer(world.group)
        self.owned: dict[Partition, Position | None] = {}
        self.records: list[Record] = []
        self.told: list[tuple[str, frozenset[Partition]]] = []
        self.lost_ranges: list[tuple[Partition, int, int]] = []
        self._starts = starts or {}
        self.consumer.subscribe([world.topic], self)

    def assigned(self, committed: Mapping[Partition, Position | None]) -> Mapping[Partition, int]:
        self.owned |= committed
        return {partition: offset for partition, offset in self._starts.items() if partition in committed}

    def revoked(self, partitions: Collection[Partition]) -> None:
        self.told.append(("revoked", frozenset(partitions)))
        done = {p: Position(at) for p, at in self.positions().items() if p in partitions}
        if done:
            assert self.consumer.commit(done, 5)
        for partition in partitions:
            del self.owned[partition]

    def lost(self, partitions: Collection[Partition]) -> None:
        self.told.append(("lost", frozenset(partitions)))
        for partition in partitions:
            del self.owned[partition]

    def expired(self, partition: Partition, first_offset: int, last_offset: int) -> None:
        self.lost_ranges.append((partition, first_offset, last_offset))

    def positions(self) -> dict[Partition, int]:
        return {record.source: record.offset + 1 for record in self.records}

    def values(self, number: int) -> list[bytes | None]:
        return [record.value for record in self.records if record.partition == number]

    def poll(self, timeout_s: float = 0.05) -> None:
        self.records += self.consumer.poll(100, timeout_s)


def until(done: Callable[[], bool], *members: Member, limit_s: float = 20) -> None:
    deadline_s = time.monotonic() + limit_s
    while not done():
        assert time.monotonic() < deadline_s, [(m.owned, m.told, len(m.records)) for m in members]
        for member in members:
            member.poll()


@pytest.fixture
def member(world: World) -> Iterator[Callable[..., Member]]:
    made: list[Member] = []

    def make(**options: Mapping[Partition, int]) -> Member:
        made.append(Member(world, **options))
        return made[-1]

    yield make
    for item in made:
        item.consumer.close()


def test_records_come_as_sent_and_in_order(world: World, member: Callable[..., Member]) -> None:
    before_ms = int(time.time() * 1000) - 5
    world.put(1, b"a", None, b"c")
    reading = member()
    until(lambda: len(reading.records) == 3, reading)
    assert [(r.offset, r.key, r.value, r.headers) for r in reading.records] == [
        (0, b"job", b"a", (("n", b"1"),)),
        (1, b"job", None, (("n", b"1"),)),
        (2, b"job", b"c", (("n", b"1"),)),
    ]
    assert all(before_ms <= r.timestamp_ms <= time.time() * 1000 + 5 for r in reading.records)


def test_a_position_and_its_metadata_are_given_to_the_next_owner(world: World, member: Callable[..., Member]) -> None:
    world.put(0, b"a", b"b", b"c")
    first = member()
    until(lambda: len(first.records) == 3, first)
    assert set(first.owned.values()) == {None}
    first.records.clear()  # nothing to commit in revoked
    assert first.consumer.commit({world.partition(0): Position(2, "tracks 17")}, 5)
    first.consumer.close()
    second = member()
    until(lambda: bool(second.records), second)
    assert second.owned[world.partition(0)] == Position(2, "tracks 17")
    assert second.values(0) == [b"c"]


def test_an_owner_may_start_elsewhere_than_the_group(world: World, member: Callable[..., Member]) -> None:
    world.put(0, b"a", b"b", b"c")
    reading = member(starts={world.partition(0): 1})
    until(lambda: bool(reading.records), reading)
    assert reading.values(0) == [b"b", b"c"]


def test_two_members_share_and_a_leaver_hands_over_after_its_commit(
    world: World, member: Callable[..., Member]
) -> None:
    first = member()
    until(lambda: len(first.owned) == PARTITIONS, first)
    second = member()
    until(lambda: len(first.owned) == len(second.owned) == PARTITIONS // 2, first, second)
    assert set(first.owned) | set(second.owned) == {world.partition(n) for n in range(PARTITIONS)}
    kept = set(second.owned)
    moving = next(iter(first.owned))
    world.put(moving.number, b"a", b"b")
    until(lambda: len(first.records) == 2, first, second)
    first.consumer.close()
    assert first.told[-1][0] == "revoked"
    until(lambda: len(second.owned) == PARTITIONS, second)
    assert second.owned[moving] == Position(2)
    assert not any(kept & gone for _, gone in second.told)  # cooperative: what stays is never taken away
    world.put(moving.number, b"c")
    until(lambda: bool(second.records), second)
    assert second.values(moving.number) == [b"c"]


def test_a_paused_partition_brings_nothing_and_loses_nothing(world: World, member: Callable[..., Member]) -> None:
    reading = member()
    until(lambda: len(reading.owned) == PARTITIONS, reading)
    world.put(0, b"a")
    until(lambda: len(reading.records) == 1, reading)
    reading.consumer.pause([world.partition(0), Partition("unknown", 7)])
    world.put(0, b"b")
    world.put(1, b"other")
    until(lambda: reading.values(1) == [b"other"], reading)
    for _ in range(4):
        reading.poll()
    assert reading.values(0) == [b"a"]
    reading.consumer.resume([world.partition(0)])
    until(lambda: reading.values(0) == [b"a", b"b"], reading)


def test_an_expired_range_is_reported_and_reading_goes_on(world: World, member: Callable[..., Member]) -> None:
    world.put(2, b"a", b"b", b"c", b"d")
    first = member()
    until(lambda: len(first.records) == 4, first)
    first.records.clear()
    assert first.consumer.commit({world.partition(2): Position(1)}, 5)
    first.consumer.close()
    world.delete_before(world.partition(2), 3)
    second = member()
    until(lambda: bool(second.records), second)
    assert second.lost_ranges == [(world.partition(2), 1, 2)]
    assert second.values(2) == [b"d"]


def test_lag_is_what_was_not_returned(world: World, member: Callable[..., Member]) -> None:
    reading = member()
    until(lambda: len(reading.owned) == PARTITIONS, reading)
    world.put(3, b"a", b"b")
    until(lambda: len(reading.records) == 2, reading)
    assert reading.consumer.lag()[world.partition(3)] == 0


def test_a_producer_tells_what_is_delivered_and_where(world: World) -> None:
    producer = world.broker.producer()
    offsets: list[int] = []
    tickets = [producer.send(world.partition(0), b"k", b"v", on_delivered=offsets.append) for _ in range(3)]
    assert tickets == [0, 1, 2]
    producer.flush(10)
    assert producer.settled() == 3
    assert offsets == [0, 1, 2]
    producer.close()


def test_a_record_over_the_limit_is_a_bad_message(world: World) -> None:
    producer = world.broker.producer()
    with pytest.raises(BadMessage) as raised:
        producer.send(world.partition(0), b"k", bytes(LIMIT_BYTES + 1024 * 1024))
    assert raised.value.stage == "send"
    producer.send(world.partition(0), b"k", b"small")
    producer.flush(10)
    producer.close()


def test_a_reader_reads_to_the_end_and_then_what_comes(world: World) -> None:
    world.put(0, b"a", b"b", None)
    world.put(1, b"x")
    reader = world.broker.reader()
    reader.assign({world.partition(1): None})
    found = reader.read_to_end({world.partition(0): 1, world.partition(2): None}, 10)
    assert [(r.partition, r.offset, r.value) for r in found] == [(0, 1, b"b"), (0, 2, None)]
    world.put(0, b"c")
    later: list[Record] = []
    deadline_s = time.monotonic() + 10
    while len(later) < 2 and time.monotonic() < deadline_s:
        later += reader.read(0.1)
    assert sorted((r.partition, r.value) for r in later) == [(0, b"c"), (1, b"x")]
    reader.unassign([world.partition(0)])
    world.put(0, b"unseen")
    world.put(1, b"y")
    more: list[Record] = []
    while not more and time.monotonic() < deadline_s:
        more = reader.read(0.1)
    assert [r.value for r in more] == [b"y"]
    reader.close()


def test_a_reader_finds_a_time_and_says_how_far_it_is(world: World) -> None:
    at = world.partition(0)
    reader = world.broker.reader()
    assert reader.since(at, 0) == 0  # nothing there yet
    world.put(0, b"old", b"older")
    time.sleep(0.05)
    between_ms = time.time_ns() // 1_000_000
    time.sleep(0.05)
    world.put(0, b"new")
    assert [reader.since(at, ms) for ms in (0, between_ms, between_ms + 3_600_000)] == [0, 2, 3]
    reader.assign({at: reader.since(at, between_ms)})
    assert reader.position(at) == 2
    deadline_s = time.monotonic() + 10
    found: list[Record] = []
    while not found and time.monotonic() < deadline_s:
        found = reader.read(0.1)
    assert [record.value for record in found] == [b"new"]
    assert reader.position(at) == 3
    reader.close()
