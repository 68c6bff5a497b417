"""Workers that die and sleep, in both modes of delivery at once."""

import pytest

from tests.chaos.faults import Fault, WorkerDies, WorkerKilled, WorkerSleeps, storm
from tests.chaos.world import Lane, World

pytestmark = pytest.mark.integration

PLACES = ("after_events", "after_tracks", "in_revoke")


def faults_of(world: World, lane: Lane, places: list[str]) -> list[Fault]:
    """20 deaths of each lane in the long form."""
    deaths: list[Fault] = [WorkerKilled(lane, world.rng) for _ in range(world.form.pick(1, 11))]
    deaths += [WorkerDies(world, lane, place, world.rng) for place in places]
    return deaths + [WorkerSleeps(lane, world.rng) for _ in range(world.form.pick(0, 4))]


def test_workers_die_and_sleep(world: World) -> None:
    lanes = [world.lane(delivery) for delivery in ("at_least_once", "exactly_once")]
    for lane in lanes:
        world.worker(lane)
        world.worker(lane)
    world.film(10.0)
    few = world.rng.sample(PLACES, len(lanes))  # the quick form: another one in each mode
    places = [list(PLACES * 3) if world.form.long else [place] for place in few]
    faults = [fault for lane, there in zip(lanes, places, strict=True) for fault in faults_of(world, lane, there)]
    storm(world, [*faults, WorkerSleeps(world.rng.choice(lanes), world.rng)])
    world.settle()
    world.judge()
