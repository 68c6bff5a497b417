"""One batch is written while the next is read, and nothing is told as done before it is."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from consumers.broker import Partition, Position, Record
from consumers.loop import Loop, LoopSettings
from consumers.memory import MemoryBroker
from schemas import Overloaded, PoseEvent
from schemas.codec import Codec
from schemas.topics import JOBS, POSES, STATUS, specs
from sink.handler import TOPICS, SinkHandler
from sink.metrics import SinkMetrics
from sink.store import Batch, Written

CODEC = Codec("mock://behind")
BATCH = 1000  # records that make a batch which is written at once
FIRST, SECOND = Partition(POSES, 0), Partition(POSES, 1)


class Later(Executor):
    """Makes calls when the test says so."""

    def __init__(self) -> None:
        self._calls: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        self._calls.append((future, lambda: fn(*args, **kwargs)))
        return future

    def run(self) -> None:
        """Make the only call that waits."""
        ((future, call),) = self._calls
        self._calls = []
        try:
            future.set_result(call())
        except Exception as error:  # noqa: BLE001 - the handler takes it from the future
            future.set_exception(error)


class Table:
    """Keeps what is written, as a database: rows once, offsets only rise; fails as it is told to."""

    def __init__(self) -> None:
        self.rows: list[bytes] = []
        self.next: dict[tuple[str, int], int] = {}
        self.failures: list[Exception] = []
        self.batches = 0

    def write(self, batch: Batch) -> Written:
        if self.failures:
            raise self.failures.pop(0)
        self.batches += 1
        fresh = [rows.key for rows in batch.events if rows.key not in self.rows]
        self.rows += fresh
        for place in batch.offsets:
            where = (place.topic, place.partition)
            self.next[where] = max(place.offset, self.next.get(where, 0))
        return Written(len(fresh), len(batch.events) - len(fresh), 0)

    def offsets(self, _topic_ids: Mapping[str, str]) -> Mapping[tuple[str, int], int]:
        return self.next


class Sink:
    """A handler on a table, whose writes and whose clock the test drives."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.table, self.later = Table(), Later()
        self.metrics = SinkMetrics(CollectorRegistry())
        self.handler = SinkHandler(
            *(CODEC, self.table, lambda names: dict.fromkeys(names, "id"), self.metrics),
            clock=lambda: self.now_s,
            executor=self.later,
        )
        self.handler.assigned({FIRST: None, SECOND: None})

    def count(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(f"posestream_sink_{name}_total") or 0.0

    def flush(self, *, wait: bool = False) -> Mapping[Partition, Position]:
        return self.handler.flush(0.01, wait=wait)


def message(seq: int) -> bytes:
    return CODEC.encode(POSES, PoseEvent("job", "run", seq, seq * 1000, 2, 3, "e", "1", "", {}))


def records(offsets: Sequence[int], number: int = 0) -> list[Record]:
    return [Record(POSES, number, at, b"job", message(number * 10_000 + at)) for at in offsets]


@pytest.fixture
def sink() -> Sink:
    return Sink()


def test_records_are_taken_while_a_batch_is_written_and_told_when_it_is(sink: Sink) -> None:
    sink.handler.handle(records(range(3)))
    assert sink.flush() == {}, "it was only begun"
    sink.handler.handle(records(range(3, 5)))
    assert sink.flush() == {}, "it is under way, and what waits is no batch yet"
    assert sink.table.rows == []
    sink.later.run()
    assert sink.flush() == {FIRST: Position(3)}
    assert sink.table.next == {(POSES, 0): 3}
    sink.later.run()
    sink.handler.handle([])
    assert sink.count("events") == 5, "counted as soon as it is written"
    assert sink.flush() == {FIRST: Position(5)}
    assert (len(sink.table.rows), sink.count("events"), sink.table.batches) == (5, 5, 2)


def test_behind_a_batch_no_more_than_one_waits(sink: Sink) -> None:
    sink.handler.handle(records([0]))
    sink.flush()
    assert not sink.handler.handle(records(range(1, BATCH))).flush
    assert sink.handler.handle(records([BATCH])).flush
    with pytest.raises(TimeoutError, match="the database takes longer"):
        sink.flush()
    sink.later.run()
    assert sink.flush() == {FIRST: Position(1)}


def test_too_many_records_are_not_taken_those_that_are_being_written_included(sink: Sink) -> None:
    sink.handler.handle(records(range(2500)))
    sink.flush()
    sink.handler.handle(records(range(2500, 5000)))
    with pytest.raises(Overloaded, match="5000 records wait for the database"):
        sink.handler.handle(records([5000]))
    sink.later.run()
    sink.flush()
    sink.handler.handle(records([5000]))


def test_a_batch_that_failed_is_written_before_what_came_after_it(sink: Sink) -> None:
    sink.table.failures = [Overloaded("postgres is away"), Overloaded("still away")]
    sink.handler.handle(records(range(2)))
    sink.flush()
    sink.later.run()
    sink.handler.handle(records([2]))  # hears of it, and takes the record all the same
    assert sink.count("database_failures") == 1
    with pytest.raises(Overloaded, match=r"time until the next try \(1 failed\)"):
        sink.flush()
    sink.now_s = 0.2
    assert sink.flush() == {}
    sink.later.run()
    with pytest.raises(Overloaded, match="still away"):
        sink.flush()
    sink.now_s = 0.6  # the second pause is longer
    with pytest.raises(Overloaded, match="2 failed"):
        sink.flush()
    sink.now_s = 0.7
    sink.flush()
    sink.later.run()
    assert sink.flush() == {FIRST: Position(2)}
    sink.later.run()
    assert sink.flush() == {FIRST: Position(3)}
    assert (len(sink.table.rows), sink.count("database_failures")) == (3, 2)


def test_any_other_error_of_the_writing_is_an_error_of_the_loop(sink: Sink) -> None:
    sink.table.failures = [ZeroDivisionError("broken")]
    sink.handler.handle(records(range(2)))
    sink.flush()
    sink.later.run()
    with pytest.raises(ZeroDivisionError, match="broken"):
        sink.flush()


def test_partitions_that_went_are_neither_told_nor_tried_again(sink: Sink) -> None:
    sink.table.failures = [Overloaded("away")]
    sink.handler.handle([*records(range(2)), *records(range(2), number=1)])
    sink.flush()
    sink.handler.handle([*records([2]), *records([2], number=1)])
    sink.handler.lost({FIRST})
    sink.later.run()
    with pytest.raises(Overloaded):
        sink.flush()
    sink.now_s = 1.0
    sink.flush()
    sink.later.run()
    assert sink.flush() == {SECOND: Position(2)}
    sink.later.run()
    assert sink.flush() == {SECOND: Position(3)}
    assert sink.table.next == {(POSES, 1): 3}
    assert len(sink.table.rows) == 3


def test_an_error_is_heard_though_all_partitions_went_meanwhile(sink: Sink) -> None:
    sink.table.failures = [ZeroDivisionError("broken")]
    sink.handler.handle(records(range(2)))
    sink.flush()
    sink.handler.lost({FIRST, SECOND})
    sink.later.run()
    with pytest.raises(ZeroDivisionError):
        sink.flush()


class Gate(Table):
    """A table that waits at every write until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.open = threading.Event(), threading.Event()

    def write(self, batch: Batch) -> Written:
        self.asked.set()
        assert self.open.wait(10)
        return super().write(batch)


def test_a_loop_that_stops_writes_and_commits_what_was_under_way_and_what_waited() -> None:
    broker, table = MemoryBroker(), Gate()
    broker.ensure_topics([one for one in specs(()) if one.name.removesuffix(".dlq") in (POSES, STATUS, JOBS)])
    producer = broker.producer()
    ids: dict[str, str] = dict.fromkeys(TOPICS, "id")
    handler = SinkHandler(CODEC, table, lambda _names: ids, SinkMetrics(CollectorRegistry()))
    loop = Loop(broker, handler, LoopSettings("sink", TOPICS, poll_s=0.0, flush_interval_s=0.0))
    loop.join()
    producer.send(FIRST, b"job", message(0))
    loop.step()
    assert table.asked.wait(10)
    producer.send(FIRST, b"job", message(1))
    loop.step()  # goes on beside the write
    assert table.rows == []
    assert FIRST not in broker.groups["sink"].committed
    table.open.set()
    loop.close()
    handler.close()
    assert len(table.rows) == 2
    assert table.next == {(POSES, 0): 2}
    assert broker.groups["sink"].committed[FIRST].offset == 2
