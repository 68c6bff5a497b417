"""Three Kafka nodes, each record on two of them at least: one follower is killed, then the active controller."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from posestream.stack.java import java
from tests.chaos.faults import ServerKilled, storm
from tests.chaos.servers import Servers
from tests.chaos.verdict import Form
from tests.chaos.world import World

pytestmark = pytest.mark.integration


@pytest.fixture
def cluster(request: pytest.FixtureRequest, stack_parent: Path, form: Form, tmp_path: Path) -> Iterator[World]:
    if not form.long:
        pytest.skip("of the long form: --minutes N")
    request.getfixturevalue("stack_packages")
    servers = Servers(stack_parent / "chaos-three", nodes=3)
    servers.up()
    world = World(servers, tmp_path, form, "one_of_three_nodes_is_killed")
    yield world
    world.close()
    servers.down()


def active_controller(servers: Servers) -> int:
    """By the cluster's own word."""
    tool = ("org.apache.kafka.tools.MetadataQuorumCommand", "--bootstrap-server", servers.addresses.kafka)
    command = (str(java()), "-cp", servers.class_path, *tool, "describe", "--status")
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    found = re.search(r"LeaderId:\s+(\d+)", said)
    assert found, said
    return int(found[1])


def test_one_of_three_nodes_is_killed(cluster: World) -> None:
    world = cluster
    for delivery in ("at_least_once", "exactly_once"):
        lane = world.lane(delivery)
        world.worker(lane)
        world.worker(lane)
    world.film(10.0)
    world.progress(5)
    leader = active_controller(world.servers)
    follower = next(number for number in (1, 2, 3) if number != leader)
    storm(world, [ServerKilled(world.servers, f"kafka-{follower}")])
    leader = active_controller(world.servers)
    storm(world, [ServerKilled(world.servers, f"kafka-{leader}")])
    assert active_controller(world.servers) != leader, "another node leads now"
    world.settle()
    world.judge()
