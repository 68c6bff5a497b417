"""Broker and Postgres killed, connections cut inside a transaction, sink and cameras killed: both modes at once."""

import pytest

from tests.chaos.faults import CameraKilled, Fault, ServerKilled, SinkKilled, TransactionsCut, storm
from tests.chaos.world import World

pytestmark = pytest.mark.integration


def test_servers_are_killed(world: World) -> None:
    for delivery in ("at_least_once", "exactly_once"):
        lane = world.lane(delivery)
        world.worker(lane)
        world.worker(lane)
    world.film(10.0)
    world.progress(5)
    cut = TransactionsCut(world)
    faults: list[Fault] = [
        ServerKilled(world.servers, "kafka-1"),
        ServerKilled(world.servers, "database"),
        SinkKilled(world),
        CameraKilled(world),
        cut,
    ]
    storm(world, faults * world.form.pick(1, 5))
    world.settle()
    world.verdict.figures["connections_cut"] = cut.cut
    world.judge()
