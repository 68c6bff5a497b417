"""A rebalance storm: workers come and go all the time."""

import pytest

from tests.chaos.world import World

pytestmark = pytest.mark.integration

EVERY_S = 2.0
MOST = 3


def test_a_storm_of_rebalances(world: World) -> None:
    lanes = [world.lane(delivery) for delivery in ("at_least_once", "exactly_once")]
    for lane in lanes:
        world.worker(lane)
    world.film(10.0)
    world.progress(5)
    came = went = 0
    until_s = world.verdict.now_s() + world.form.pick(8, 60)
    while world.verdict.now_s() < until_s:
        for lane in lanes:
            if len(lane.workers) == 1 or (len(lane.workers) < MOST and world.rng.random() < 0.5):
                world.worker(lane)
                came += 1
            else:
                leaving = world.rng.choice(lane.workers)
                # one that is told to go before it has begun has nothing to hand over
                assert leaving.leave() == 0 or not leaving.tail(), leaving.tail()
                world.discard(lane, leaving)
                went += 1
        world.hold(EVERY_S)
    world.settle()
    jobs = [job for lane in lanes for job in lane.jobs]
    again = {job.id: len({one.seq for one in world.seen(job).events if one.registered and one.seq}) for job in jobs}
    world.verdict.figures |= {"workers_came": came, "workers_left": went, "registered_again": again}
    world.judge()
    assert max(again.values()) <= came + went
