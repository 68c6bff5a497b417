"""Hours in minutes: 8 live jobs of 160x120 at 60 Hz; memory and file descriptors of all processes stay as they are."""

import time

import numpy as np
import psutil
import pytest

from schemas import Mode
from tests.chaos.crew import Member
from tests.chaos.reading import count_rows
from tests.chaos.world import World

pytestmark = pytest.mark.integration

WARM_UP = 0.3
"""Part of the time that is not looked at: caches fill, and Python's heap finds its size."""
SLOPE_MB_PER_MIN = 1.0
FDS_MORE = 3
"""Connections that come and go; a transaction that was given up leaves its client's until Python collects it."""
EVERY_S = 2.0


def test_a_soak(world: World) -> None:
    if not world.form.long:
        pytest.skip("of the long form: --minutes N")
    lanes = [world.lane(delivery, jobs=4, mode=Mode.LIVE) for delivery in ("at_least_once", "exactly_once")]
    watched = [world.sink, *(world.worker(lane) for lane in lanes)]
    world.film(60.0, 160, 120)
    assert world.camera
    watched.append(world.camera)
    samples = watch(world, watched, 60.0 * world.form.minutes)
    frames = world.stop_cameras()
    rows = {name: count_rows(world.addresses.database, name) for name in frames}
    world.verdict.figures |= {"frames": frames, "rows": rows}
    slopes, fds = {}, {}
    for name, found in samples.items():
        steady = np.array(found[int(len(found) * WARM_UP) :])
        slopes[name] = round(float(np.polyfit(steady[:, 0] / 60, steady[:, 1] / 1e6, 1)[0]), 3)
        fds[name] = [int(part[:, 2].min()) for part in np.array_split(steady, 3)]
    world.verdict.figures |= {"rss_mb_per_min": slopes, "fds_least_of_each_third": fds}
    world.verdict.figures["rss_mb"] = {name: round(found[-1][1] / 1e6) for name, found in samples.items()}
    world.verdict.anomalies["-"] = []  # frames are not compared one by one here
    assert not world.verdict.died
    assert min(rows.values()) > world.form.minutes * 60, "at least a row a second and job"
    assert max(slopes.values()) < SLOPE_MB_PER_MIN, slopes
    assert all(last <= first + FDS_MORE for first, _, last in fds.values()), fds


def watch(world: World, members: list[Member], seconds: float) -> dict[str, list[tuple[float, int, int]]]:
    """Member -> (seconds, resident bytes, file descriptors), every two seconds."""
    processes = {member.name: psutil.Process(member.process.pid) for member in members}
    samples: dict[str, list[tuple[float, int, int]]] = {name: [] for name in processes}
    began_s = time.monotonic()
    while (at_s := time.monotonic() - began_s) < seconds:
        for name, process in processes.items():
            samples[name].append((at_s, process.memory_info().rss, process.num_fds()))
        world.revive()
        assert not world.verdict.died, world.verdict.died
        time.sleep(EVERY_S)
    return samples
