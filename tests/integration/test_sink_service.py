"""The sink as a service on real servers: rows once, live messages, and what a client missed."""

import json
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from websockets.sync.client import ClientConnection, connect

from consumers.broker import Partition
from consumers.kafka import KafkaBroker
from posestream.stack import Addresses
from schemas import Estimate, Job, JobObject, Overloaded, Pose, PoseEvent, State, StatusEvent, StatusKind
from schemas.codec import Codec, Word
from schemas.topics import DEFAULT_PARTITIONS, JOBS, POSES, STATUS, dlq_topic, specs
from sink.database import connect as engine_of
from sink.queries import Queries
from sink.service import PortTaken, run_sink
from sink.settings import SinkSettings

pytestmark = pytest.mark.integration

PARTITION = 6
PATIENCE_S = 30.0


@dataclass
class Running:
    """A sink on a database of its own."""

    address: str
    queries: Queries
    database: str
    settings: SinkSettings


@pytest.fixture
def sink(stack: Addresses) -> Iterator[Running]:
    KafkaBroker(stack.kafka).ensure_topics(specs(["default"], DEFAULT_PARTITIONS))
    name = f"sink_{uuid.uuid4().hex[:8]}"
    admin = create_engine(stack.database, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = make_url(stack.database).set(database=name).render_as_string(hide_password=False)
    settings = SinkSettings(kafka=stack.kafka, registry=stack.registry, database=url, group=name, port=0)
    stop, ready, addresses = threading.Event(), threading.Event(), []

    def on_ready(address: str) -> None:
        addresses.append(address)
        ready.set()

    thread = threading.Thread(target=run_sink, args=(settings, stop, on_ready))
    thread.start()
    assert ready.wait(PATIENCE_S)
    engine = engine_of(url)
    try:
        yield Running(addresses[0], Queries(engine), url, settings)
    finally:
        stop.set()
        thread.join(PATIENCE_S)
        engine.dispose()
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()
    assert not thread.is_alive()


@pytest.fixture
def send(stack: Addresses) -> Iterator[Callable[[str, str, Word | bytes], None]]:
    """Publishes words or raw bytes on the partition of these tests."""
    producer, codec = KafkaBroker(stack.kafka).producer(), Codec(stack.registry)

    def sending(topic: str, job_id: str, word: Word | bytes) -> None:
        value = word if isinstance(word, bytes) else codec.encode(topic, word)
        producer.send(Partition(topic, PARTITION), job_id.encode(), value)
        producer.flush(PATIENCE_S)

    yield sending
    producer.close()


@pytest.fixture
def job_id() -> str:
    return f"sink-{uuid.uuid4().hex[:8]}"


def event(job_id: str, seq: int, score: float = 0.75) -> PoseEvent:
    now_ns = time.time_ns()
    estimates = {"mug": Estimate(Pose(np.eye(3), np.array([0, 0, 0.5 + seq])), score, State.TRACKED)}
    captured_ns = 1_790_000_000_000_000_000 + seq  # the same each time: a redelivered frame
    return PoseEvent(job_id, "run", seq, captured_ns, now_ns, now_ns, "geometric", "1", "", estimates)


def until(holds: Callable[[], Any], what: str) -> Any:
    deadline_s = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < deadline_s, f"{what}: not within {PATIENCE_S:.0f} s"
        time.sleep(0.05)
    return found


def stored(sink: Running, job_id: str) -> list[int]:
    return [one.seq for one in sink.queries.events(job_id)]


def test_events_jobs_and_states_are_stored_and_doubles_are_not(
    sink: Running, send: Callable[..., None], job_id: str
) -> None:
    send(JOBS, job_id, Job(job_id, (JobObject("mug", "mug.ply"),), partition=PARTITION))
    send(STATUS, job_id, StatusEvent(job_id, "", StatusKind.JOB, time.time_ns(), "processing", "first frame"))
    for seq in (0, 1, 1, 2, 0):
        send(POSES, job_id, event(job_id, seq, score=0.9 if seq else 0.5))
    until(lambda: len(stored(sink, job_id)) == 3, "three rows")
    until(lambda: (job := sink.queries.job(job_id)) and job.status == "processing", "the job's state")
    assert stored(sink, job_id) == [0, 1, 2]
    with urllib.request.urlopen(f"{sink.address}api/jobs/{job_id}", timeout=10) as answer:
        job = json.load(answer)
    assert (job["status"], job["objects"], job["runs"][0]["events"]) == ("processing", ["mug"], 3)
    with urllib.request.urlopen(f"{sink.address}api/jobs/{job_id}/poses?after_seq=0&limit=1", timeout=10) as answer:
        (pose,) = json.load(answer)
    assert (pose["seq"], pose["objects"]["mug"]["translation_m"]) == (1, [0.0, 0.0, 1.5])
    with urllib.request.urlopen(f"{sink.address}readyz", timeout=10) as answer:
        assert answer.read() == b"ready\n"


def test_a_message_that_cannot_be_read_is_dead_lettered_and_its_neighbours_are_stored(
    sink: Running, stack: Addresses, send: Callable[..., None], job_id: str
) -> None:
    send(POSES, job_id, event(job_id, 0))
    send(POSES, job_id, b"\x07 no message")
    send(POSES, job_id, event(job_id, 1))
    until(lambda: stored(sink, job_id) == [0, 1], "the neighbours' rows")
    reader = KafkaBroker(stack.kafka).reader()
    letters = reader.read_to_end({Partition(dlq_topic(POSES), number): None for number in range(8)}, PATIENCE_S)
    reader.close()
    mine = [letter for letter in letters if letter.key == job_id.encode()]
    assert mine
    assert {letter.value for letter in mine} == {b"\x07 no message"}
    assert any(b"magic" in value for _, value in mine[0].headers)


def test_a_database_that_drops_its_connections_costs_no_row(
    sink: Running, send: Callable[..., None], job_id: str
) -> None:
    admin = create_engine(sink.database, isolation_level="AUTOCOMMIT")
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    for seq in range(40):
        send(POSES, job_id, event(job_id, seq))
        if seq % 10 == 5:
            with admin.connect() as connection:
                connection.execute(text(f"{others} AND pid <> pg_backend_pid()"))
    admin.dispose()
    until(lambda: len(stored_with_patience(sink, job_id)) == 40, "all rows")
    assert stored(sink, job_id) == list(range(40))


def stored_with_patience(sink: Running, job_id: str) -> list[int]:
    try:
        return stored(sink, job_id)
    except Overloaded:  # our own connection was dropped too
        return []


@pytest.mark.parametrize(
    "member", [{}, {"group_protocol": "consumer"}, {"instance_id": "sink-1"}], ids=["classic", "consumer", "static"]
)
def test_a_second_sink_takes_over_from_the_offsets_in_the_database(
    sink: Running, send: Callable[..., None], job_id: str, member: dict[str, str]
) -> None:
    send(POSES, job_id, event(job_id, 0))
    until(lambda: stored(sink, job_id) == [0], "the first row")
    stop, ready = threading.Event(), threading.Event()
    # another group: only the database tells it where to begin
    second = sink.settings.model_copy(update={"group": f"{sink.settings.group}-b", **member})
    thread = threading.Thread(target=run_sink, args=(second, stop, lambda _: ready.set()))
    thread.start()
    assert ready.wait(PATIENCE_S)
    send(POSES, job_id, event(job_id, 1))
    until(lambda: stored(sink, job_id) == [0, 1], "the second row")
    stop.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert stored(sink, job_id) == [0, 1]


def received(websocket: ClientConnection, kind: str) -> dict[str, Any]:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        message = websocket.recv(timeout=PATIENCE_S)
        if isinstance(message, str) and (found := json.loads(message))["type"] == kind:
            return found
    pytest.fail(f"no {kind} message")


def test_a_client_hears_poses_and_gets_what_it_missed(sink: Running, send: Callable[..., None], job_id: str) -> None:
    address = sink.address.replace("http", "ws") + "ws"
    with connect(address) as websocket:
        assert received(websocket, "hello")["version"] == 1
        websocket.send(json.dumps({"subscribe": f"job:{job_id}"}))
        received(websocket, "subscribed")
        until(lambda: sent_and_heard(send, websocket, job_id), "a live pose")
        send(STATUS, job_id, StatusEvent(job_id, "run", StatusKind.GAP, time.time_ns(), "", "lost"))
        assert received(websocket, "status")["kind"] == "gap"
    for seq in range(1, 6):
        send(POSES, job_id, event(job_id, seq))
    until(lambda: stored(sink, job_id) == list(range(6)), "rows of what it missed")
    with connect(address) as websocket:
        websocket.send(json.dumps({"subscribe": f"job:{job_id}", "run": "run", "last_seq": 2}))
        history = received(websocket, "history")
    assert [one["seq"] for one in history["events"]] == [3, 4, 5]
    assert history["more"] is False


def sent_and_heard(send: Callable[..., None], websocket: ClientConnection, job_id: str) -> bool:
    """Send frame 0 again until it is heard: the feed may only just be starting to listen."""
    send(POSES, job_id, event(job_id, 0))
    try:
        message = websocket.recv(timeout=1.0)
    except TimeoutError:
        return False
    return isinstance(message, str) and json.loads(message)["type"] == "pose"


@pytest.mark.parametrize(
    ("request_text", "reason"),
    [
        ("no json", "expected JSON"),
        ('{"subscribe": "job:../x"}', "expected job:<id>, frames:<id> or system"),
        ('{"subscribe": "job:a", "last_seq": "x"}', "expected a whole number"),
        ('{"jump": 1}', "expected subscribe, unsubscribe, done or ping"),
    ],
)
def test_a_wrong_request_is_answered_and_the_connection_stays(sink: Running, request_text: str, reason: str) -> None:
    with connect(sink.address.replace("http", "ws") + "ws") as websocket:
        websocket.send(request_text)
        assert reason in received(websocket, "error")["reason"]
        websocket.send('{"ping": 1}')
        received(websocket, "pong")


def test_a_taken_port_is_named(sink: Running) -> None:
    port = int(sink.address.rstrip("/").rsplit(":", 1)[1])
    with pytest.raises(PortTaken, match=f"expected to listen on 127.0.0.1:{port}".replace(".", r"\.")):
        run_sink(sink.settings.model_copy(update={"port": port}), threading.Event(), lambda _: None)


def test_another_address_than_loopback_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a loopback address"):
        SinkSettings(host="0.0.0.0")  # noqa: S104 - that is the point
