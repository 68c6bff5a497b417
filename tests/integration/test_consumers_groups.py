"""Workers of one group on real Kafka: sharing, crashes, take-over, leaving; under each kind of membership."""

import signal
import time

import pytest

from tests.integration.worker_world import PARTITIONS, World, check_complete

pytestmark = pytest.mark.integration

in_all_groups = pytest.mark.parametrize(
    "world",
    ["at_least_once", "exactly_once", "at_least_once consumer", "exactly_once consumer", "at_least_once static"],
    indirect=True,
)
"""Both modes of delivery; dynamic members, those of KIP-848 and static ones."""


@in_all_groups
def test_two_workers_in_one_group_share_the_jobs(world: World) -> None:
    jobs = [world.job(number) for number in range(PARTITIONS)]
    world.worker()
    world.worker()
    world.until(lambda: world.assignments() == [2, 2])
    assert world.group_type() == ("consumer" if world.group == "consumer" else "classic")
    for job in jobs:
        world.frames(job, 0, 19)
    for job in jobs:
        world.until(world.answered(job, 20))
        check_complete(world, job, 20)


@in_all_groups
def test_a_track_moves_to_another_worker_after_kill_9(world: World) -> None:
    job = world.job()
    first = world.worker(call_s=0.02)
    world.frames(job, 0, 39)
    world.until(world.answered(job, 15))
    first.send_signal(signal.SIGKILL)
    world.worker()
    world.frames(job, 40, 59)
    world.until(world.answered(job, 60))
    check_complete(world, job, 60)


@in_all_groups
def test_a_worker_that_slept_past_its_session_writes_nothing_over_its_successor(world: World) -> None:
    """Stopped in the middle of its work, counted out, woken when another has gone on."""
    job = world.job()
    first = world.worker(call_s=0.02)
    world.frames(job, 0, 39)
    world.until(world.answered(job, 10))
    first.send_signal(signal.SIGSTOP)
    world.worker(call_s=0.02)
    world.frames(job, 40, 59)
    world.until(world.answered(job, 60))
    first.send_signal(signal.SIGCONT)
    world.frames(job, 60, 69)
    world.until(world.answered(job, 70))
    world.until(lambda: world.assignments() == [2, 2])  # the sleeper is a member again, and works with the other
    world.frames(job, 70, 79)
    world.until(world.answered(job, 80))
    check_complete(world, job, 80)


@pytest.mark.parametrize("world", ["at_least_once", "exactly_once", "at_least_once consumer"], indirect=True)
def test_a_worker_that_leaves_hands_over_at_once_and_exits_with_0(world: World) -> None:
    job = world.job()
    session_s = 20
    workers = [world.worker(session_timeout_ms=session_s * 1000) for _ in range(2)]
    world.until(lambda: world.assignments() == [2, 2])
    world.frames(job, 0, 9)
    world.until(world.answered(job, 10))
    workers[0].send_signal(signal.SIGTERM)
    started_s = time.monotonic()
    assert workers[0].wait(10) == 0
    world.frames(job, 10, 19)
    world.until(world.answered(job, 20))
    assert time.monotonic() - started_s < session_s  # nobody waited for a session to end
    check_complete(world, job, 20)


@pytest.mark.parametrize("world", ["at_least_once static"], indirect=True)
def test_static_workers_that_are_started_again_go_on_without_waiting_for_a_session_to_end(world: World) -> None:
    job = world.job()
    world.worker(session_timeout_ms=30_000)
    world.worker(session_timeout_ms=30_000)
    world.until(lambda: world.assignments() == [2, 2])
    world.frames(job, 0, 9)
    world.until(world.answered(job, 10))
    for worker in list(world.workers):
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(10) == 0
    world.frames(job, 10, 19)
    started_s = time.monotonic()
    for name in ("static-0", "static-1"):
        world.worker(session_timeout_ms=30_000, instance_id=name)
    world.until(world.answered(job, 20))
    assert time.monotonic() - started_s < 20  # nobody waited for a session to end
    assert world.assignments() == [2, 2]
    check_complete(world, job, 20)
