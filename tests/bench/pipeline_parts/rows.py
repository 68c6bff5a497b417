"""Pose events from the topic into rows, beside hand-written COPY and INSERT of the same rows."""

import statistics
import time
import uuid
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from consumers.broker import Partition
from consumers.kafka import KafkaBroker
from consumers.loop import Loop, LoopSettings
from posestream.stack import Addresses
from schemas import Estimate, Pose, PoseEvent, State
from schemas.codec import Codec
from schemas.topics import DEFAULT_PARTITIONS, POSES, specs
from sink.behind import quick_switches
from sink.database import connect, migrate
from sink.handler import TOPICS, SinkHandler
from sink.metrics import SinkMetrics
from sink.store import Store
from sink.topic_ids import topic_ids
from tests.bench.pipeline_parts import by_hand
from tests.bench.pipeline_parts.line import Line

STAGES = {"transport": 0.003, "queue": 0.001, "decode": 0.004, "track": 0.005}


def events(count: int) -> list[PoseEvent]:
    """Of eight jobs, one object with a covariance each."""
    now_ns, turn = time.time_ns(), np.eye(3)
    made: list[PoseEvent] = []
    for at in range(count):
        pose = Pose(turn, np.array([0.1, 0.2, 0.5 + at * 1e-6]))
        estimates = {"cube": Estimate(pose, 0.9, State.TRACKED, np.eye(6) * 1e-6)}
        times = (now_ns + at * 1000, now_ns + at * 1000, now_ns + at * 1000 + 500)
        job_id = f"rows-{at % DEFAULT_PARTITIONS}"
        made.append(PoseEvent(job_id, "run", at, *times, "geometric", "3", "", estimates, stage_s=STAGES))
    return made


def fill(addresses: Addresses, made: Sequence[PoseEvent]) -> dict[Partition, int]:
    """Send them, and say where each partition of the topic began."""
    broker, codec = KafkaBroker(addresses.kafka), Codec(addresses.registry)
    broker.ensure_topics(specs([], DEFAULT_PARTITIONS))
    producer, reader = broker.producer(), broker.reader()
    places = [Partition(POSES, number) for number in range(DEFAULT_PARTITIONS)]
    starts = {place: reader.end(place) for place in places}
    reader.close()
    for at, event in enumerate(made):
        producer.send(places[at % DEFAULT_PARTITIONS], event.job_id.encode(), codec.encode(POSES, event))
    producer.flush(60)
    producer.close()
    return starts


class _From(SinkHandler):
    """Begins where the measurement does, not where the topic does."""

    starts: Mapping[Partition, int]

    def assigned(self, committed: Mapping[Partition, object]) -> Mapping[Partition, int]:
        found = super().assigned(committed)  # type: ignore[arg-type]
        return {**found, **{place: at for place, at in self.starts.items() if place in committed}}


def by_sink(addresses: Addresses, database: str, starts: Mapping[Partition, int], count: int) -> float:
    """Events a second of the sink's loop, from the first batch written to the last whole one."""
    engine = connect(database)
    migrate(engine)
    metrics = SinkMetrics(CollectorRegistry())
    handler = _From(Codec(addresses.registry), Store(engine), partial(topic_ids, addresses.kafka), metrics)
    handler.starts = starts
    loop = Loop(KafkaBroker(addresses.kafka), handler, LoopSettings(f"rows-{uuid.uuid4().hex}", TOPICS))
    loop.join()
    written: list[tuple[float, int]] = []
    with quick_switches():  # as the service does
        while not written or written[-1][1] < count:
            loop.step()
            found = metrics.registry.get_sample_value("posestream_sink_events_total") or 0
            if found and (not written or found > written[-1][1]):
                written.append((time.perf_counter(), int(found)))
    loop.close()
    handler.close()
    engine.dispose()
    whole = [one for one in written if one[1] <= count - by_hand.BATCH]  # the rest is no batch: it waits for its time
    (first_s, before), (last_s, after) = whole[0], whole[-1]
    return (after - before) / (last_s - first_s)


def measure(addresses: Addresses, count: int, rounds: int) -> list[Line]:
    """The sink and the hand-written way in turn, each round into a new database."""
    made = events(count)
    rows = list(map(by_hand.rows_of, made))
    starts = fill(addresses, made)
    sink, hand = list[float](), list[float]()
    for _ in range(rounds):
        with _Database(addresses) as database:
            sink.append(by_sink(addresses, database, starts, count))
        with _Database(addresses) as database:
            hand.append(by_hand.write(database, rows))
    ours, base = statistics.median(sink), statistics.median(hand)
    ratio = statistics.median(mine / theirs for mine, theirs in zip(sink, hand, strict=True))  # of the same minute
    line = Line("events to rows", f"{ours:,.0f} /s", f"{base:,.0f} /s", f"{ratio:.2f}", ">= .8, >= 4,000 /s")
    return [line]


class _Database:
    """A new, empty database while the block runs."""

    def __init__(self, addresses: Addresses) -> None:
        self._admin = create_engine(addresses.database, isolation_level="AUTOCOMMIT")
        self._name = f"bench_{uuid.uuid4().hex[:8]}"
        self._url = make_url(addresses.database).set(database=self._name).render_as_string(hide_password=False)

    def __enter__(self) -> str:
        with self._admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {self._name}"))
        return self._url

    def __exit__(self, *_: object) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {self._name} WITH (FORCE)"))
        self._admin.dispose()
