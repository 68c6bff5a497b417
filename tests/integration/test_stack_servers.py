"""The local stack on real servers: it starts, heals after kill -9 of anything, and leaves nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg2
import pytest
import sqlalchemy
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from posestream.stack import SERVICES, Addresses, Stack, StackError, artifacts, fetch, ports
from posestream.stack.service import marker

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("stack_packages")]
LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
WARM_S = 10.0


@pytest.fixture(scope="module")
def local(stack_parent: Path) -> Iterator[Stack]:
    stack = Stack("one", stack_parent / "one")
    stack.up()
    yield stack
    stack.down()


@pytest.fixture
def addresses(local: Stack) -> Addresses:
    return local.up()


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Prints a figure whether or not the test passes."""
    return request.config.pluginmanager.get_plugin("terminalreporter").write_line


def family(stack: Stack) -> list[psutil.Process]:
    """The servers of a stack and all their children."""
    servers = [psutil.Process(status.pid) for status in stack.status() if status.pid]
    return [process for server in servers for process in (server, *server.children(recursive=True))]


def listening(processes: list[psutil.Process]) -> list[tuple[str, int]]:
    found: list[psutil.Process] = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # Postgres's helpers come and go
            found += process.net_connections("all")
    return [
        tuple(connection.laddr)
        for connection in found
        if connection.status == psutil.CONN_LISTEN or (connection.type == 2 and connection.laddr)  # 2: UDP
    ]


def states(stack: Stack) -> list[str]:
    return [status.state for status in stack.status()]


def topics(address: str) -> set[str]:
    return set(AdminClient({"bootstrap.servers": address}).list_topics(timeout=10).topics)


def make_topic(address: str, name: str) -> None:
    client = AdminClient({"bootstrap.servers": address})  # must outlive its futures
    (future,) = client.create_topics([NewTopic(name, 2, 1)]).values()
    future.result(10)


def kill(stack: Stack, names: tuple[str, ...]) -> None:
    for status in stack.status():
        if status.name in names and status.pid:
            os.kill(status.pid, signal.SIGKILL)


def test_all_three_serve_their_clients(addresses: Addresses) -> None:
    make_topic(addresses.kafka, "served")
    delivered: list[object] = []
    producer = Producer({"bootstrap.servers": addresses.kafka, "message.max.bytes": 9 << 20})
    for size_bytes in (1, 8 << 20):
        producer.produce("served", bytes(size_bytes), on_delivery=lambda error, _: delivered.append(error))
    assert producer.flush(10) == 0
    assert delivered == [None, None], "a frame of 8 MiB fits"
    with SchemaRegistryClient({"url": addresses.registry}) as registry:
        number = registry.register_schema("served-value", Schema('"string"', "AVRO"))
        assert registry.get_latest_version("served-value").schema_id == number
    engine = sqlalchemy.create_engine(addresses.database)
    with engine.connect() as connection:
        assert connection.scalar(sqlalchemy.text("select current_database() || current_user")) == "posestream" * 2
    engine.dispose()


def test_every_listening_port_is_on_loopback(local: Stack, addresses: Addresses) -> None:
    found = listening(family(local))
    assert {port for _, port in found} >= {int(addresses.kafka.split(":")[1])}
    assert len(found) == len({port for _, port in found}) == 5, "Kafka and the registry listen on two ports each"
    assert {address for address, _ in found} <= LOOPBACK


def test_the_database_asks_for_the_password(addresses: Addresses) -> None:
    url = sqlalchemy.make_url(addresses.database)
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(host=url.host, port=url.port, user=url.username, dbname=url.database, password="guess")  # noqa: S106


def test_up_twice_changes_nothing(local: Stack, addresses: Addresses) -> None:
    before = [status.pid for status in local.status()]
    assert local.up() == addresses
    assert [status.pid for status in local.status()] == before


@pytest.mark.parametrize("names", [(name,) for name in SERVICES] + [SERVICES])
def test_up_heals_what_was_killed_and_keeps_the_data(
    local: Stack, addresses: Addresses, names: tuple[str, ...], say: Callable[[str], None]
) -> None:
    topic = f"kept-{len(names)}-{names[0]}"
    make_topic(addresses.kafka, topic)
    before = {status.name: status.pid for status in local.status()}
    kill(local, names)
    start_s = time.monotonic()
    assert local.up() == addresses, "ports and password stay"
    took_s = time.monotonic() - start_s
    say(f"healed {names} in {took_s:.1f} s")
    assert states(local) == ["running"] * 3
    after = {status.name: status.pid for status in local.status()}
    assert {name for name in SERVICES if before[name] != after[name]} == set(names)
    assert topic in topics(addresses.kafka)


def test_status_tells_a_dead_server_and_a_silent_one(local: Stack) -> None:
    local.up()
    kafka = psutil.Process(local.status()[0].pid)
    kill(local, ("registry",))
    deadline_s = time.monotonic() + 5
    while states(local)[1] != "dead" and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert states(local) == ["running", "dead", "running"]
    assert local.addresses() is None
    assert kafka.is_running()
    local.up()


def test_a_killed_up_leaves_nothing_that_the_next_one_cannot_use(
    stack_parent: Path, request: pytest.FixtureRequest
) -> None:
    folder = stack_parent / "torn"
    request.addfinalizer(Stack("torn", folder).down)  # a failed up leaves what a killed one had started
    program = f"from pathlib import Path; from posestream.stack import Stack; Stack('torn', Path({str(folder)!r})).up()"
    for delay_s in (0.5, 1.5):
        command = subprocess.Popen([sys.executable, "-c", program])
        time.sleep(delay_s)
        command.kill()
        command.wait()
    with Stack("torn", folder) as addresses:
        assert topics(addresses.kafka) == set()
        for name in SERVICES:
            owned = [p for p in psutil.process_iter() if is_marked(p, marker(folder, name))]
            assert len(owned) == 1, f"{name} runs once"


def is_marked(process: psutil.Process, word: str) -> bool:
    try:
        return bool({word, f"-D{word}"} & set(process.cmdline()))
    except psutil.Error:
        return False


def test_two_stacks_run_side_by_side_and_down_leaves_no_process_and_no_port(
    local: Stack, addresses: Addresses, stack_parent: Path
) -> None:
    other = Stack("two", stack_parent / "two")
    with other as others:
        make_topic(others.kafka, "only-in-two")
        assert "only-in-two" not in topics(addresses.kafka)
        processes, found = family(other), listening(family(other))
        assert len(found) == 5
    assert not [process for process in processes if process.is_running()]
    assert all(ports.is_free(port) for _, port in found)
    assert states(other) == ["stopped"] * 3
    assert states(local) == ["running"] * 3


def test_a_warm_start_keeps_ports_and_data(local: Stack, addresses: Addresses, say: Callable[[str], None]) -> None:
    make_topic(addresses.kafka, "warm")
    local.down()
    start_s = time.monotonic()
    assert local.up() == addresses
    took_s = time.monotonic() - start_s
    say(f"warm start of all three: {took_s:.1f} s (aim: under {WARM_S:.0f})")
    assert took_s < 3 * WARM_S, "three times the aim: the machine may be busy"
    assert "warm" in topics(addresses.kafka)


def test_a_taken_port_is_named_and_not_kept(addresses: Addresses, stack_parent: Path) -> None:
    port = int(addresses.kafka.split(":")[1])
    folder = stack_parent / "three"
    with pytest.raises(StackError, match=rf"port {port} \(database\).*taken by java.*--database-port"):
        Stack("three", folder, {"database": port}).up()
    assert states(Stack("three", folder)) == ["stopped"] * 3
    assert not (folder / "stack.json").exists()


def test_an_artifact_comes_from_maven_central_and_a_wrong_hash_is_refused(tmp_path: Path) -> None:
    good = next(a for a in artifacts.read_lock("kafka").artifacts if a.name == "jopt-simple")
    line = f"{good.coordinate} {good.sha256} {good.size_bytes}"
    try:
        folder = fetch.fetch(artifacts.parse_lock("one", line), tmp_path, lambda *_: None)
    except StackError as error:
        if "no network" in str(error):
            pytest.skip(str(error))
        raise
    assert (folder / good.file_name).stat().st_size == good.size_bytes
    forged = artifacts.parse_lock("two", line.replace(good.sha256, "0" * 64))
    with pytest.raises(StackError, match=rf"{good.coordinate}: expected sha256 0+, got {good.sha256}"):
        fetch.fetch(forged, tmp_path, lambda *_: None)
