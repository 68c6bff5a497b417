"""Servers of the chaos suite's own, since they are killed; the form of the run."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from posestream.stack import addresses_from_environment
from tests.chaos.network import Proxy
from tests.chaos.servers import Servers
from tests.chaos.verdict import FOLDER, Form
from tests.chaos.world import World

_LONG_LIMIT_S = 3600


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--minutes"):
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.timeout(_LONG_LIMIT_S + 60 * config.getoption("--minutes")))


@pytest.fixture(scope="session")
def form(request: pytest.FixtureRequest) -> Form:
    """Told whether or not a test fails, so that any run can be had again."""
    given = request.config.getoption("--seed")
    seed = random.SystemRandom().randrange(10**6) if given is None else given
    made = Form(seed, request.config.getoption("--minutes"))
    write = request.config.pluginmanager.get_plugin("terminalreporter").write_line
    write(f"\nchaos: --seed {seed}, {'long' if made.long else 'quick'} form, verdicts in {FOLDER}")
    return made


@pytest.fixture(scope="session")
def proxy(form: Form) -> Iterator[Callable[[int], int]]:
    """Between the broker's second listener and whoever is told of it: ``proxy.made``."""
    made: list[Proxy] = []

    def far(port: int) -> int:
        made.append(Proxy(port, random.Random(form.seed)))
        return made[-1].port

    far.made = made  # type: ignore[attr-defined] - a function's attribute
    yield far
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest, stack_parent: Path, proxy: Callable[[int], int]) -> Iterator[Servers]:
    """Kafka, registry and Postgres that may be killed."""
    if addresses_from_environment():
        pytest.skip("the servers named in POSESTREAM_* are not ours to kill")
    request.getfixturevalue("stack_packages")
    made = Servers(stack_parent / "chaos", far=proxy)
    made.up()
    yield made
    made.down()


@pytest.fixture
def world(servers: Servers, form: Form, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """Workers reach the broker through the proxy where the test is marked so."""
    servers.up()
    kafka = servers.far_kafka if request.node.get_closest_marker("far") else ""
    made = World(servers, tmp_path, form, request.node.name.removeprefix("test_"), kafka)
    yield made
    made.close()


@pytest.fixture
def own(
    request: pytest.FixtureRequest, stack_parent: Path, form: Form, tmp_path: Path
) -> Iterator[Callable[[str], World]]:
    """Makes a world on servers of its own, in the folder of that name; for faults that may leave a broker unusable."""
    request.getfixturevalue("stack_packages")
    made: list[World] = []

    def make(run: str) -> World:
        servers = Servers(stack_parent / run)
        servers.up()
        made.append(World(servers, tmp_path, form, run))
        return made[-1]

    yield make
    for world in made:
        world.close()
        world.servers.down()
