"""The consume loop: poll, handle, make durable, commit; in that order and no other."""

import os
import signal
import threading
from collections.abc import Collection, Mapping, Sequence

import pytest

from consumers.broker import Partition, Position, Record
from consumers.deadletter import TooManyDeadLetters
from consumers.handler import Handled, Refused
from consumers.loop import Loop, LoopSettings, stop_on_signals
from consumers.memory import MemoryBroker
from schemas import BadMessage, Overloaded
from schemas.topics import TopicSpec, dlq_topic

TOPIC = "frames.default"
GROUP = "workers"
SETTINGS = LoopSettings(GROUP, (TOPIC,), poll_s=0.0, flush_interval_s=0.0)


class Notes:
    """A handler that writes down what it is told, and refuses, overloads or breaks as a test wants."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.taken: list[Record] = []
        self.refuse: set[bytes] = set()
        self.overloaded = False
        self.slow_database = False
        self.broken = False
        self.waited = False
        self.full: frozenset[Partition] = frozenset()
        self.starts: dict[Partition, int] = {}

    def assigned(self, committed: Mapping[Partition, Position | None]) -> Mapping[Partition, int]:
        self.told.append("assigned")
        return {partition: offset for partition, offset in self.starts.items() if partition in committed}

    def handle(self, records: Sequence[Record]) -> Handled:
        if records and self.broken:
            msg = "broken"
            raise ZeroDivisionError(msg)
        if records and self.overloaded:
            raise Overloaded("full")
        if records:
            self.told.append("handle " + " ".join((record.value or b"").decode(errors="replace") for record in records))
        refused = [Refused(record, BadMessage("cannot be read")) for record in records if record.value in self.refuse]
        self.taken += records
        return Handled(refused, self.full)

    def flush(self, timeout_s: float, *, wait: bool = True) -> Mapping[Partition, Position]:
        assert timeout_s > 0
        self.waited = wait
        if self.slow_database:
            raise TimeoutError("database")
        self.told.append("flush")
        return {record.source: Position(record.offset + 1) for record in self.taken}

    def revoked(self, partitions: Collection[Partition]) -> None:
        self.told.append(f"revoked {len(partitions)}")

    def lost(self, partitions: Collection[Partition]) -> None:
        self.told.append(f"lost {len(partitions)}")

    def expired(self, partition: Partition, first_offset: int, last_offset: int) -> None:
        self.told.append(f"expired {partition} {first_offset} {last_offset}")


@pytest.fixture
def broker() -> MemoryBroker:
    made = MemoryBroker()
    made.ensure_topics([TopicSpec(name, 2, {}) for name in (TOPIC, dlq_topic(TOPIC))])
    return made


def put(broker: MemoryBroker, *values: bytes, number: int = 0) -> None:
    producer = broker.producer()
    for value in values:
        producer.send(Partition(TOPIC, number), b"job", value, (("traceparent", b"00-1"),))


def committed(broker: MemoryBroker, number: int = 0) -> int | None:
    """What the group has stored, as the next owner would find it."""
    position = broker.groups[GROUP].committed.get(Partition(TOPIC, number))
    return position.offset if position else None


def joined(broker: MemoryBroker, notes: Notes, settings: LoopSettings = SETTINGS) -> Loop:
    loop = Loop(broker, notes, settings)
    loop.join()
    return loop


def test_records_are_handled_then_made_durable_then_committed(broker: MemoryBroker) -> None:
    notes = Notes()
    put(broker, b"a", b"b")
    loop = joined(broker, notes)
    loop.step()
    assert notes.told == ["assigned", "handle a b", "flush"]
    assert not notes.waited
    assert committed(broker) == 2
    loop.close()


def test_nothing_is_committed_that_is_not_durable(broker: MemoryBroker) -> None:
    notes = Notes()
    notes.slow_database = True
    put(broker, b"a")
    loop = joined(broker, notes)
    loop.step()
    assert len(notes.taken) == 1
    assert committed(broker) is None
    notes.slow_database = False
    loop.step()
    assert committed(broker) == 1
    assert len(notes.taken) == 1
    loop.close()


def test_a_bad_record_is_dead_lettered_as_it_came_and_its_neighbours_go_on(broker: MemoryBroker) -> None:
    notes = Notes()
    notes.refuse = {b"\xff\x00bad"}
    put(broker, b"a", b"\xff\x00bad", b"c")
    loop = joined(broker, notes)
    loop.step()
    assert [record.value for record in notes.taken] == [b"a", b"\xff\x00bad", b"c"]
    (letter,) = broker.records(Partition(dlq_topic(TOPIC), 0))
    assert (letter.key, letter.value) == (b"job", b"\xff\x00bad")
    headers = dict(letter.headers)
    assert headers.pop("x-timestamp-ms").isdigit()
    assert headers == {
        "traceparent": b"00-1",
        "x-error": b"cannot be read",
        "x-stage": b"decode",
        "x-topic": TOPIC.encode(),
        "x-partition": b"0",
        "x-offset": b"1",
    }
    assert committed(broker) == 3
    loop.close()


def test_a_dead_letter_is_delivered_before_its_offset_is_committed(broker: MemoryBroker) -> None:
    notes = Notes()
    notes.refuse = {b"bad"}
    put(broker, b"bad")
    loop = joined(broker, notes)
    broker.logs.stalled = True
    loop.step()
    assert committed(broker) is None
    broker.logs.stalled = False
    loop.step()
    assert committed(broker) == 1
    assert len(broker.records(Partition(dlq_topic(TOPIC), 0))) == 1
    loop.close()


def test_anything_unexpected_stops_the_loop_and_commits_nothing(broker: MemoryBroker) -> None:
    notes = Notes()
    notes.broken = True
    put(broker, b"a")
    with pytest.raises(ZeroDivisionError):
        Loop(broker, notes, SETTINGS).run(threading.Event())
    assert committed(broker) is None
    assert notes.told == ["assigned", "lost 2"]  # left the group without a flush


def test_an_overloaded_handler_gets_the_same_records_again_and_in_order(broker: MemoryBroker) -> None:
    notes = Notes()
    notes.overloaded = True
    put(broker, b"a", b"b")
    loop = joined(broker, notes)
    for _ in range(3):
        loop.step()
    put(broker, b"c")  # its partition is paused: must not come before the others
    loop.step()
    assert notes.taken == []
    assert committed(broker) is None
    notes.overloaded = False
    loop.step()
    loop.step()
    assert [record.value for record in notes.taken] == [b"a", b"b", b"c"]
    assert committed(broker) == 3
    loop.close()


def test_a_full_partition_rests_while_the_others_go_on(broker: MemoryBroker) -> None:
    notes = Notes()
    loop = joined(broker, notes)
    loop.step()
    notes.full = frozenset({Partition(TOPIC, 0)})
    loop.step()
    put(broker, b"rests")
    put(broker, b"goes", number=1)
    loop.step()
    assert [record.value for record in notes.taken] == [b"goes"]
    notes.full = frozenset()
    loop.step()
    loop.step()
    assert [record.value for record in notes.taken] == [b"goes", b"rests"]
    loop.close()


def test_what_is_revoked_is_made_durable_and_committed_first(broker: MemoryBroker) -> None:
    notes, others = Notes(), Notes()
    settings = LoopSettings(GROUP, (TOPIC,), poll_s=0.0, flush_interval_s=1e9)
    put(broker, b"a")
    put(broker, b"b", number=1)
    loop = joined(broker, notes, settings)
    loop.step()
    assert committed(broker, 0) is committed(broker, 1) is None
    other = joined(broker, others, settings)
    loop.step()
    assert notes.told[-2:] == ["flush", "revoked 1"]
    assert notes.waited
    assert committed(broker, 0) == committed(broker, 1) == 1
    other.step()
    assert others.taken == []
    loop.close()
    other.close()


def test_a_commit_refused_by_the_group_is_no_crash(broker: MemoryBroker) -> None:
    notes = Notes()
    put(broker, b"a")
    loop = joined(broker, notes, LoopSettings(GROUP, (TOPIC,), poll_s=0.0, flush_interval_s=1e9))
    loop.step()
    member = broker.groups[GROUP].owners[Partition(TOPIC, 0)]
    member.expel()  # as after a session that timed out
    loop.close()
    assert committed(broker) is None
    assert notes.told[-1] == "lost 2"


def test_a_handler_may_start_from_its_own_offsets(broker: MemoryBroker) -> None:
    notes = Notes()
    notes.starts = {Partition(TOPIC, 0): 1}
    put(broker, b"in the database already", b"new")
    loop = joined(broker, notes)
    loop.step()
    assert [record.value for record in notes.taken] == [b"new"]
    loop.close()


def test_expired_records_are_reported_to_the_handler(broker: MemoryBroker) -> None:
    notes = Notes()
    put(broker, b"a", b"b", b"c")
    notes.starts = {Partition(TOPIC, 0): 0}
    broker.logs.delete_before(Partition(TOPIC, 0), 2)
    loop = joined(broker, notes)
    loop.step()
    assert "expired frames.default[0] 0 1" in notes.told
    assert [record.value for record in notes.taken] == [b"c"]
    loop.close()


def test_a_stop_commits_and_leaves(broker: MemoryBroker) -> None:
    notes = Notes()
    put(broker, b"a")
    loop = Loop(broker, notes, LoopSettings(GROUP, (TOPIC,), poll_s=0.001, flush_interval_s=1e9))
    stop = threading.Event()
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    while not notes.taken:
        pass
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
    assert notes.told[-2:] == ["flush", "revoked 2"]
    assert committed(broker) == 1


def test_the_lag_is_told_after_each_flush(broker: MemoryBroker) -> None:
    lags: list[Mapping[Partition, int]] = []
    put(broker, b"a")
    loop = Loop(broker, Notes(), SETTINGS, on_lag=lags.append)
    loop.join()
    loop.step()
    assert lags == [{Partition(TOPIC, 0): 0, Partition(TOPIC, 1): 0}]
    loop.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_ask_for_a_stop_and_are_put_back_afterwards(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        os.kill(os.getpid(), number)
        assert stop.wait(5)
    assert signal.getsignal(number) is before


def test_too_many_dead_letters_in_a_minute_stop_the_loop_and_commit_nothing_after_it(broker: MemoryBroker) -> None:
    notes, clock_s = Notes(), [0.0]
    notes.refuse = {b"bad"}
    settings = LoopSettings(GROUP, (TOPIC,), poll_s=0.0, flush_interval_s=0.0, dead_letter_limit=2)
    loop = Loop(broker, notes, settings, clock=lambda: clock_s[0])
    loop.join()
    for now_s in (0.0, 59.0, 60.0):  # the first is a minute old when the third comes
        clock_s[0] = now_s
        put(broker, b"bad")
        loop.step()
    assert committed(broker) == 3
    put(broker, b"bad")
    clock_s[0] = 118.9
    with pytest.raises(TooManyDeadLetters, match=r"more than 2 .* stopped at frames.default\[0\]@3: decode: cannot"):
        loop.run(threading.Event())
    assert committed(broker) == 3
    assert len(broker.records(Partition(dlq_topic(TOPIC), 0))) == 3
