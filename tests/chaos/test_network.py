"""The network between workers and broker cut, late and lossy: mode all complete, mode live soon fresh again."""

import time
from collections.abc import Callable

import pytest

from schemas import Mode
from tests.chaos.faults import NetworkCut, NetworkPoor
from tests.chaos.world import SESSION_S, Lane, World

pytestmark = [pytest.mark.integration, pytest.mark.far]

FRESH_S = 0.25
"""A live frame that is answered within this is fresh; the cameras send one every 0.1 s."""
RECOVERY_S = 10.0
"""Where the figure of a quiet machine is 1 s, one that does other things too may take longer."""


def recovered_s(world: World, lane: Lane, healed_ns: int) -> float:
    """Seconds from the healing until a frame that was published after it is answered freshly."""
    found: list[float] = []

    def fresh() -> bool:
        events = world.seen(lane.jobs[0]).events
        late = (one for one in events if one.published_ns >= healed_ns and one.age_s < FRESH_S)
        found.extend((one.produced_ns - healed_ns) / 1e9 for one in late)
        return bool(found)

    world.until(fresh, f"a fresh frame, {lane.delivery}", limit_s=60)
    return min(found)


def test_the_network_fails(world: World, proxy: Callable[[int], int]) -> None:
    wire = proxy.made[0]  # type: ignore[attr-defined] - see the fixture
    deliveries = ("at_least_once", "exactly_once")
    all_lanes = [world.lane(delivery, jobs=1) for delivery in deliveries]
    live_lanes = [world.lane(delivery, jobs=1, mode=Mode.LIVE) for delivery in deliveries]
    for lane in world.lanes:
        world.worker(lane)
    world.film(10.0)
    world.progress(10)
    faults = [
        NetworkCut(wire, (0.5, 1.0)),
        NetworkCut(wire, (1.5 * SESSION_S, 2 * SESSION_S)),
        NetworkPoor(wire, 0.2, 0.0),
        NetworkPoor(wire, 0.0, 0.05),
    ]
    fresh: dict[str, list[float]] = {lane.delivery: [] for lane in live_lanes}
    few = [world.rng.choice(faults[:2]), world.rng.choice(faults[2:])]  # the quick form: a cut and a poor wire
    for fault in faults * 5 if world.form.long else few:
        at_s = world.verdict.now_s()
        fault.strike()
        world.hold(world.rng.uniform(*fault.hold_s))
        fault.heal()
        healed_ns = time.time_ns()
        for lane in live_lanes:
            fresh[lane.delivery].append(recovered_s(world, lane, healed_ns))
        world.struck(fault.name, at_s)
        world.progress(5)
    world.verdict.figures["live_fresh_after_s"] = {name: [round(s, 2) for s in times] for name, times in fresh.items()}
    world.settle()
    world.judge()
    assert max(max(times) for times in fresh.values()) < RECOVERY_S
    assert all_lanes, "mode all is checked to be complete by the judge"
