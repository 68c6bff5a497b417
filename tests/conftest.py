"""Options and fixtures of all tiers: the servers that integration tests run against."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from posestream.stack import Addresses, Stack, StackError, addresses_from_environment
from posestream.stack.java import require_packages

KAFKA_IMAGE = "confluentinc/cp-kafka:8.0.0"
REGISTRY_IMAGE = "apicurio/apicurio-registry:3.3.3"
POSTGRES_IMAGE = "postgres:18"
BROKER_SETTINGS = {
    "message.max.bytes": (8 << 20) + (64 << 10),
    "replica.fetch.max.bytes": (8 << 20) + (64 << 10),
    "auto.create.topics.enable": "false",
    "group.min.session.timeout.ms": 1000,
    "log.retention.check.interval.ms": 5000,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("posestream")
    group.addoption("--docker", action="store_true", help="run Kafka, the registry and Postgres in containers")
    group.addoption("--minutes", type=float, default=0.0, help="chaos: the long form, with a soak of so many minutes")
    group.addoption("--seed", type=int, help="chaos: strike as a run before did")
    group.addoption("--node", action="store_true", help="run the tests that need Node.js and packages from npm")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--node"):
        return
    for item in items:
        if item.get_closest_marker("node"):
            item.add_marker(pytest.mark.skip(reason="needs Node.js and npm; run with --node"))


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Addresses]:
    """Real servers: those named in POSESTREAM_*, else containers (--docker), else a local stack."""
    if given := addresses_from_environment():
        yield given
    elif request.config.getoption("--docker"):
        yield from containers()
    else:
        request.getfixturevalue("stack_packages")
        folder = request.getfixturevalue("stack_parent")
        with Stack("tests", folder / "tests") as addresses:
            yield addresses


@pytest.fixture(scope="session")
def stack_packages() -> None:
    """Skip where the packages of the local stack are missing: some platforms have no wheels of them."""
    try:
        require_packages()
    except StackError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def stack_parent() -> Iterator[Path]:
    """A folder for stacks; not tmp_path, which Postgres's own user cannot enter when the tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="posestream-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def containers() -> Iterator[Addresses]:
    """The same three servers in Docker containers."""
    from testcontainers.community.kafka import KafkaContainer
    from testcontainers.community.postgres import PostgresContainer
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import HttpWaitStrategy

    kafka = KafkaContainer(KAFKA_IMAGE).with_kraft()
    for name, value in BROKER_SETTINGS.items():
        kafka.with_env(f"KAFKA_{name.upper().replace('.', '_')}", str(value))
    registry = DockerContainer(REGISTRY_IMAGE).with_exposed_ports(8080)
    registry.waiting_for(HttpWaitStrategy(8080, "/apis/ccompat/v7/subjects").for_status_code(200))
    with kafka, registry, PostgresContainer(POSTGRES_IMAGE, driver="psycopg2") as database:
        address = f"{registry.get_container_host_ip()}:{registry.get_exposed_port(8080)}"
        yield Addresses(
            kafka=kafka.get_bootstrap_server(),
            registry=f"http://{address}/apis/ccompat/v7",
            database=database.get_connection_url(),
        )
