"""Workers as processes on real Kafka: crashes at named points, poison, the real estimator."""

import signal

import pytest

from estimators.registry import load
from producers.sources.open import open_source
from schemas import Estimates, Frame, State, StatusKind
from schemas.images import FrameEncoding
from schemas.topics import DEFAULT_PARTITIONS, dlq_topic, frames_topic
from tests.integration.worker_world import World, check_complete, frame, pose_bytes

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("failpoint", ["after_events:2", "after_tracks:2"])
def test_a_death_between_the_steps_of_durability_loses_nothing(world: World, failpoint: str) -> None:
    job = world.job()
    first = world.worker(call_s=0.02, failpoint=failpoint)
    world.frames(job, 0, 49)
    first.wait(30)
    assert first.returncode == 137
    world.worker()
    world.until(world.answered(job, 50))
    check_complete(world, job, 50)


@pytest.mark.parametrize("world", ["at_least_once"], indirect=True)
def test_poison_goes_to_the_dead_letters_and_its_neighbours_go_on(world: World) -> None:
    job = world.job()
    good = [world.codec.encode(world.frames_topic, frame(job.id, seq)) for seq in range(7)]
    poison = {1: good[1][: len(good[1]) // 2], 3: b"\xffgarbage" * 20, 5: b"\x00\x7f\xff\xff\xff" + good[5][5:]}
    world.worker()
    for seq in range(7):
        world.raw(job, poison.get(seq, good[seq]))
    world.until(world.answered(job, 4))
    world.until(lambda: len(world.records(dlq_topic(world.frames_topic), job)) == 3)
    letters = world.records(dlq_topic(world.frames_topic), job)
    assert [letter.value for letter in letters] == list(poison.values())
    headers = [dict(letter.headers) for letter in letters]
    assert [item["x-offset"] for item in headers] == [b"1", b"3", b"5"]
    assert all(item["x-error"] and item["x-topic"] == world.frames_topic.encode() for item in headers)
    assert [event.seq for event in world.events(job)] == [0, 2, 4, 6]
    world.until(lambda: len(world.statuses(job, StatusKind.SKIPPED)) == 3)
    assert [status.frames.first for status in world.statuses(job, StatusKind.SKIPPED) if status.frames] == [1, 3, 5]
    assert world.statuses(job, StatusKind.GAP) == []


@pytest.mark.parametrize("world", ["at_least_once"], indirect=True)
def test_an_error_that_nobody_expected_stops_the_worker_and_commits_nothing_after_it(world: World) -> None:
    job = world.job(options={"explode": "yes"})
    worker = world.worker()
    world.frames(job, 0, 0)
    assert worker.wait(30) != 0
    assert "ZeroDivisionError" in world.logs()
    assert world.events(job) == []


@pytest.mark.parametrize("world", ["at_least_once"], indirect=True)
def test_the_geometric_estimator_goes_on_after_kill_9_with_the_very_poses_it_would_have_had(world: World) -> None:
    source = open_source("synthetic:?frames=36&size=320x240&seed=3")
    job = world.job(objects=source.objects, estimator="geometric")
    shots = enumerate(source.shots())
    frames = [Frame(job.id, "run", n, n, source.camera, s.rgb, s.depth_m, s.masks) for n, s in shots]
    encoding = FrameEncoding(depth_unit_m=source.depth_unit_m)
    encoded = [world.codec.encode(world.frames_topic, item, encoding) for item in frames]
    first = world.worker("registry")
    for value in encoded[:24]:
        world.raw(job, value)
    world.until(world.answered(job, 10), limit_s=120)
    first.send_signal(signal.SIGKILL)
    world.worker("registry")
    for value in encoded[24:]:
        world.raw(job, value)
    world.until(world.answered(job, 36), limit_s=120)
    name = source.objects[0].object_id
    estimator = load("geometric")
    estimator.prepare(job)
    expected: Estimates = {}
    poses: list[bytes] = []
    for value in encoded:
        item = world.codec.decode(value, Frame)
        expected = estimator.track([item], [expected])[0] if expected else estimator.register(item, [name])
        poses.append(pose_bytes(expected[name]))
    events = world.events(job)
    assert list(dict.fromkeys(event.seq for event in events)) == list(range(36))
    assert [event.seq for event in events if event.estimates[name].state is State.REGISTERED and event.seq] == []
    assert all(pose_bytes(event.estimates[name]) == poses[event.seq] for event in events)


@pytest.mark.parametrize("world", ["at_least_once"], indirect=True)
def test_a_worker_that_is_the_first_of_its_pool_makes_its_topic(world: World) -> None:
    pool = world.pool = f"{world.pool}-new"
    world.worker()
    world.until(lambda: world.assignments() == [DEFAULT_PARTITIONS])
    assert frames_topic(pool) in world.topics()
