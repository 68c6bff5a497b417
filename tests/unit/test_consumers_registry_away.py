"""A registry that is away: known schemas go on, new ones wait, and nothing is given up on."""

import logging
import uuid
from typing import Any

import pytest

from consumers.broker import Partition, Record
from consumers.unread import Unread
from schemas import Job, JobObject, Mode, PoseEvent
from schemas.codec import Codec
from schemas.registry import Registry, RegistryUnavailable
from schemas.topics import JOBS, POSES, dlq_topic
from sink.handler import SinkHandler
from sink.metrics import SinkMetrics
from sink.store import Batch, Written
from tests.unit.consumers_world import FRAMES, Worker, World, frame


class Away:
    """Takes a codec's registry away for ids that it was not asked for before."""

    def __init__(self, codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self._registry = codec._registry
        self._fetch = self._registry._fetch
        self._registry._ask_again_at_s = 0.0
        self.there = False
        monkeypatch.setattr(self._registry, "_fetch", self._answer)

    def back(self) -> None:
        """It answers again, and the pause after the last question is over."""
        self.there = True
        self._registry._ask_again_at_s = 0.0

    def forget(self) -> None:
        self._registry._texts.clear()

    def _answer(self, schema_id: int) -> str:
        self.asked += 1
        if not self.there:
            raise RegistryUnavailable("schema registry http://it: no use of it: refused")
        return self._fetch(schema_id)


def record(number: int, offset: int) -> Record:
    return Record("t", number, offset, b"k", b"v")


def offsets(records: Any) -> list[tuple[int, int]]:
    return [(one.partition, one.offset) for one in records]


def test_what_cannot_be_read_holds_up_its_own_partition_only(caplog: pytest.LogCaptureFixture) -> None:
    unread = Unread()
    seen: list[tuple[int, int]] = []

    def bring(records: list[Record], bad: set[tuple[int, int]]) -> None:
        for one in unread.with_new(records):
            if (one.partition, one.offset) in bad:
                unread.keep(one, RegistryUnavailable("away"))
            else:
                seen.append((one.partition, one.offset))

    with caplog.at_level(logging.INFO):
        bring([record(0, 1), record(1, 1), record(0, 2), record(1, 2)], bad={(0, 1)})
        bring([record(1, 3), record(0, 3)], bad={(0, 1)})
    assert seen == [(1, 1), (1, 2), (1, 3)]
    assert unread.partitions == {Partition("t", 0)}
    with caplog.at_level(logging.INFO):
        bring([record(0, 4)], bad=set())
    assert seen[3:] == [(0, 1), (0, 2), (0, 3), (0, 4)]
    assert caplog.messages == ["t[0] waits from offset 1 on: away", "what waited can be read again"]


def test_what_waits_of_a_partition_that_went_is_forgotten() -> None:
    unread = Unread()
    for one in unread.with_new([record(0, 1)]):
        unread.keep(one, RegistryUnavailable("away"))
    unread.forget([Partition("t", 0)])
    assert offsets(unread.with_new([record(1, 1)])) == [(1, 1)]


def test_a_worker_holds_frames_of_an_unknown_schema_and_answers_them_later(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.job("a", 0)
    world.job("b", 1)
    worker = Worker(world)
    worker.rounds(1)
    away = Away(world.codec, monkeypatch)
    world.frames(frame("b", 0), number=1)
    away.forget()
    worker.rounds(3)
    assert world.seqs(1) == []
    assert world.committed(1) in (None, 0)
    assert not world.broker.records(Partition(dlq_topic(FRAMES), 1)), "it is not given up on"
    away.back()
    worker.rounds(3)
    assert world.seqs(1) == [0]


class Table:
    """Keeps batches."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def write(self, batch: Batch) -> Written:
        self.batches.append(batch)
        return Written(len(batch.events), 0, 0)

    def offsets(self, _topic_ids: Any) -> dict[tuple[str, int], int]:
        return {}


def test_the_sink_writes_no_offset_of_what_it_cannot_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from prometheus_client import CollectorRegistry

    codec, table = Codec(f"mock://{uuid.uuid4()}"), Table()
    handler = SinkHandler(codec, table, lambda names: dict.fromkeys(names, "id"), SinkMetrics(CollectorRegistry()))
    handler.assigned({Partition(JOBS, 0): None, Partition(POSES, 0): None})
    job = Job("a", (JobObject("cup", "cup.ply"),), mode=Mode.ALL)
    brought = [Record(JOBS, 0, 0, b"a", codec.encode(JOBS, job))]
    away = Away(codec, monkeypatch)
    away.forget()
    outcome = handler.handle(brought)
    assert outcome.full == {Partition(JOBS, 0)}
    assert handler.flush(1.0) == {}
    away.back()
    assert handler.handle([]).full == frozenset()
    assert [at.offset for at in handler.flush(1.0).values()] == [1]
    assert [len(batch.jobs) for batch in table.batches] == [1]


def test_a_registry_that_did_not_answer_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    registry = Registry("http://127.0.0.1:1", auto_register=True, clock=lambda: now_s[0])
    asked: list[int] = []

    def fetch(schema_id: int) -> str:
        asked.append(schema_id)
        now_s[0] += 4.0
        raise RegistryUnavailable("no answer")

    monkeypatch.setattr(registry, "_fetch", fetch)
    for at_s in (0.0, 5.0, 11.9, 12.1):
        now_s[0] = at_s
        with pytest.raises(RegistryUnavailable, match="no answer"):
            registry.schema_of(1)
    assert len(asked) == 2, "it took 4 s, so the next 8 s are quiet"


def test_two_that_register_a_subject_at_once_both_may(monkeypatch: pytest.MonkeyPatch) -> None:
    from confluent_kafka.schema_registry import SchemaRegistryError

    from schemas import registry as module

    codec = Codec(f"mock://{uuid.uuid4()}")
    real = module._client
    refusals = [SchemaRegistryError(409, 409, "A rule named 'COMPATIBILITY' already exists.")]

    class Racing:
        def __init__(self, client: Any) -> None:
            self._client = client

        def __getattr__(self, name: str) -> Any:
            return getattr(self._client, name)

        def set_config(self, *arguments: Any) -> Any:
            if refusals:
                raise refusals.pop()
            return self._client.set_config(*arguments)

    from contextlib import contextmanager

    @contextmanager
    def client(url: str) -> Any:
        with real(url) as one:
            yield Racing(one)

    monkeypatch.setattr(module, "_client", client)
    codec.prepare(POSES, PoseEvent)
    assert refusals == []
