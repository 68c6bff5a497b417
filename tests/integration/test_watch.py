"""The client of the notifier against a real sink with accounts: typed, without a hole, and refused where it must be."""

import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from consumers.broker import Partition
from consumers.kafka import KafkaBroker
from posestream.stack import Addresses
from posestream.watch import JobWatch, WatchRefused
from schemas import Estimate, Pose, PoseEvent, State, StatusEvent, StatusKind
from schemas.codec import Codec, Word
from schemas.topics import DEFAULT_PARTITIONS, POSES, STATUS, specs
from sink.database import connect
from sink.people.accounts import Accounts
from sink.people.ownership import Ownership
from sink.people.rights import Role
from sink.people.secret import SecretMissing
from sink.people.sessions import Sessions
from sink.people.tokens import Tokens
from sink.queries import Queries
from sink.service import run_sink
from sink.settings import SinkSettings

pytestmark = pytest.mark.integration

PARTITION, PATIENCE_S = 5, 30.0
SECRET = "a secret of tests, longer than 32 bytes"  # noqa: S105 - of tests


@dataclass
class Guarded:
    """A sink with accounts, and a key of one who may read the job."""

    address: str
    job_id: str
    key: str
    stranger: str
    queries: Queries
    stop: threading.Event
    settings: SinkSettings


def started(settings: SinkSettings) -> tuple[str, threading.Event, threading.Thread]:
    stop, ready, addresses = threading.Event(), threading.Event(), list[str]()

    def on_ready(address: str) -> None:
        addresses.append(address)
        ready.set()

    thread = threading.Thread(target=run_sink, args=(settings, stop, on_ready))
    thread.start()
    assert ready.wait(PATIENCE_S)
    return addresses[0].rstrip("/"), stop, thread


@pytest.fixture
def guarded(stack: Addresses, tmp_path: Path) -> Iterator[Guarded]:
    KafkaBroker(stack.kafka).ensure_topics(specs(["default"], DEFAULT_PARTITIONS))
    name = f"watch_{uuid.uuid4().hex[:8]}"
    admin = create_engine(stack.database, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    (tmp_path / "secret").write_text(SECRET)
    url = make_url(stack.database).set(database=name).render_as_string(hide_password=False)
    servers = {"kafka": stack.kafka, "registry": stack.registry, "database": url, "group": name, "port": 0}
    settings = SinkSettings(**servers, accounts=True, secret_file=tmp_path / "secret")  # type: ignore[arg-type]
    address, stop, thread = started(settings)
    engine = connect(url)
    accounts, sessions = Accounts(engine), Sessions(engine, Tokens(SECRET.encode()))
    keys = {who: sessions.make_key(accounts.add(who, Role.VIEWER).id, "t", None)[1] for who in ("vic", "bob")}
    Ownership(engine).let_read(name, accounts.get("vic").id)
    assert [user.name for user in accounts.all()] == ["admin", "bob", "vic"]
    yield Guarded(address, name, keys["vic"], keys["bob"], Queries(engine), stop, settings)
    stop.set()
    thread.join(PATIENCE_S)
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()
    assert not thread.is_alive()


class Publisher:
    """Publishes on the job's partition until it is told to stop, so that nobody has to wait for a subscription."""

    def __init__(self, stack: Addresses, job_id: str) -> None:
        self._producer, self._codec = KafkaBroker(stack.kafka).producer(), Codec(stack.registry)
        self._job_id = job_id

    def send(self, topic: str, word: Word) -> None:
        self._producer.send(Partition(topic, PARTITION), self._job_id.encode(), self._codec.encode(topic, word))
        self._producer.flush(PATIENCE_S)

    def poses(self, first: int, last: int) -> None:
        for seq in range(first, last + 1):
            now_ns = time.time_ns()
            seen = Estimate(Pose(np.eye(3), np.array([0.0, 0.0, seq])), 0.75, State.TRACKED)
            times = (now_ns, now_ns, now_ns)
            self.send(POSES, PoseEvent(self._job_id, "run", seq, *times, "geometric", "1", "", {"mug": seen}))


def test_a_watch_gets_typed_news_and_goes_on_without_a_hole_after_the_service_was_away(
    guarded: Guarded, stack: Addresses
) -> None:
    publisher, pauses = Publisher(stack, guarded.job_id), list[float]()
    publisher.poses(0, 0)
    deadline_s = time.monotonic() + PATIENCE_S
    while not guarded.queries.events(guarded.job_id):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    port = int(guarded.address.rpartition(":")[2])
    thread: list[tuple[threading.Event, threading.Thread]] = []

    def come_back(pause_s: float) -> None:
        pauses.append(pause_s)
        if not thread:
            publisher.poses(1, 4)  # nobody listens
            thread.append(started(guarded.settings.model_copy(update={"port": port}))[1:])
            until_s = time.monotonic() + PATIENCE_S
            while len(guarded.queries.events(guarded.job_id)) < 5:
                assert time.monotonic() < until_s
                time.sleep(0.05)

    news = iter(JobWatch(guarded.address, guarded.job_id, guarded.key, come_back))
    first = next(news)
    assert isinstance(first, PoseEvent)
    pose = first.estimates["mug"].cam_from_obj
    assert pose is not None
    assert (first.seq, first.job_id, pose.translation_m.tolist()) == (0, guarded.job_id, [0.0, 0.0, 0.0])
    publisher.send(STATUS, StatusEvent(guarded.job_id, "", StatusKind.JOB, 7, "processing", "why"))
    assert next(news) == StatusEvent(guarded.job_id, "", StatusKind.JOB, 7, "processing", "why")
    guarded.stop.set()
    found = [one.seq for one in islice(news, 4) if isinstance(one, PoseEvent)]
    assert found == [1, 2, 3, 4]
    assert pauses[0] == 0.2
    news.close()  # type: ignore[attr-defined] - a generator
    thread[0][0].set()
    thread[0][1].join(PATIENCE_S)


@pytest.mark.parametrize("who", ["nobody", "stranger", "forger"])
def test_a_watch_that_may_not_is_told_so_and_does_not_try_again(guarded: Guarded, who: str) -> None:
    token = {"nobody": "", "stranger": guarded.stranger, "forger": "psk_a_b"}[who]
    with pytest.raises(WatchRefused, match=r"token|API key|expected one of yours"):
        next(iter(JobWatch(guarded.address, guarded.job_id, token, lambda _: pytest.fail("tried again"))))


def test_accounts_without_a_secret_do_not_start(guarded: Guarded) -> None:
    settings = guarded.settings.model_copy(update={"secret_file": None})
    with pytest.raises(SecretMissing, match="make one with"):
        run_sink(settings, threading.Event(), lambda _: None)
