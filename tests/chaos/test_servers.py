"""Broker and Postgres killed, connections cut inside a transaction, sink and cameras killed."""

import pytest

from tests.chaos.faults import CameraKilled, Fault, ServerKilled, SinkKilled, TransactionsCut, storm
from tests.chaos.world import World

pytestmark = pytest.mark.integration


def strike(world: World, delivery: str) -> None:
    """In the long form each fault 5 times; in the quick one the broker, a cut and one of the others once."""
    lane = world.lane(delivery)
    world.worker(lane)
    world.worker(lane)
    world.film(10.0)
    world.progress(5)
    cut = TransactionsCut(world)
    others: list[Fault] = [ServerKilled(world.servers, "database"), SinkKilled(world), CameraKilled(world)]
    faults = others if world.form.long else [world.rng.choice(others)]
    storm(world, [*faults, cut, ServerKilled(world.servers, "kafka-1")] * world.form.pick(1, 5))
    world.settle()
    world.verdict.figures["connections_cut"] = cut.cut
    world.judge()


def test_servers_are_killed(world: World) -> None:
    strike(world, "at_least_once")


def test_servers_are_killed_around_transactions(world: World) -> None:
    strike(world, "exactly_once")
