"""Workers as processes on real Kafka: sharing, crashes, take-over, poison, leaving."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confluent_kafka.admin import AdminClient

from consumers.broker import Partition, Record
from consumers.kafka import KafkaBroker
from estimators.registry import load
from producers.sources.open import open_source
from schemas import Camera, Estimate, Estimates, Frame, Job, JobObject, Mode, PoseEvent, State, StatusEvent, StatusKind
from schemas.codec import Codec
from schemas.images import FrameEncoding
from schemas.topics import DEFAULT_PARTITIONS, JOBS, POSES, STATUS, dlq_topic, frames_topic, specs
from tests.integration.consumers_fake_worker import ChainEstimator

pytestmark = pytest.mark.integration

SCRIPT = Path(__file__).with_name("consumers_fake_worker.py")
PARTITIONS = 4
CAMERA = Camera(64, 48, 50.0, 50.0, 32.0, 24.0)
SESSION_MS = 1500


@lru_cache
def shared_codec(registry: str) -> Codec:
    """One for all tests: its connection stays open until the process ends."""
    return Codec(registry)


def frame(job_id: str, seq: int) -> Frame:
    noise = np.random.default_rng(seq).integers(0, 240, (48, 64, 3), np.uint8)
    depth = np.full((48, 64), 0.5 + seq / 1000, np.float32)
    mask = np.zeros((48, 64), np.bool_)
    mask[10:20, 5:15] = True
    return Frame(job_id, "run", seq, seq, CAMERA, noise, depth, {"cube": mask} if seq == 0 else None)


class World:
    """A pool of its own on the shared stack, and the workers of it."""

    script = SCRIPT

    def __init__(self, kafka: str, registry: str, folder: Path, delivery: str = "at_least_once") -> None:
        self.delivery = delivery
        self.pool = f"p{uuid.uuid4().hex[:8]}"
        self.kafka, self.registry, self._folder = kafka, registry, folder
        self.broker = KafkaBroker(kafka)
        self.codec = shared_codec(registry)
        self.broker.ensure_topics(specs([], DEFAULT_PARTITIONS))  # shared with all tests: as the product makes them
        self.broker.ensure_topics(specs([self.pool], PARTITIONS))
        self.frames_topic = frames_topic(self.pool)
        self.workers: list[subprocess.Popen[bytes]] = []
        self._producer = self.broker.producer()
        self._records: dict[str, list[Record]] = {}
        self._reader = self.broker.reader()
        watched = (POSES, STATUS, dlq_topic(self.frames_topic))
        self._reader.assign(
            {Partition(t, n): self._reader.end(Partition(t, n)) for t in watched for n in range(PARTITIONS)}
        )

    def worker(self, call_s: float | str = 0.005, failpoint: str = "", **settings: object) -> subprocess.Popen[bytes]:
        own = {"KAFKA": self.kafka, "REGISTRY": self.registry, "POOL": self.pool, "SESSION_TIMEOUT_MS": SESSION_MS}
        own |= {"DELIVERY": self.delivery}
        given = own | {"FAILPOINT": failpoint} | {name.upper(): value for name, value in settings.items()}
        environment = os.environ | {f"POSESTREAM_{name}": str(value) for name, value in given.items()}
        environment["PYTHONPATH"] = str(SCRIPT.parents[2])
        with (self._folder / f"worker-{len(self.workers)}.log").open("wb") as log:
            command = [sys.executable, str(self.script), str(call_s)]
            self.workers.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        return self.workers[-1]

    def job(self, number: int = 0, **fields: Any) -> Job:
        name = f"{self.pool}-{number}"
        chain = {"objects": (JobObject("cube", "cube.ply"),), "estimator": "chain"}
        job = Job(name, pool=self.pool, mode=Mode.ALL, partition=number, **(chain | fields))
        self._producer.send(Partition(JOBS, number), name.encode(), self.codec.encode(JOBS, job))
        self._producer.flush(10)
        return job

    def frames(self, job: Job, first: int, last: int) -> None:
        for seq in range(first, last + 1):
            self.raw(job, self.codec.encode(self.frames_topic, frame(job.id, seq)))
        self._producer.flush(10)

    def raw(self, job: Job, value: bytes) -> None:
        self._producer.send(Partition(self.frames_topic, job.partition), job.id.encode(), value)

    def records(self, topic: str, job: Job) -> list[Record]:
        for record in self._reader.read(0.02):
            self._records.setdefault(record.topic, []).append(record)
        return [record for record in self._records.get(topic, []) if record.key == job.id.encode()]

    def events(self, job: Job) -> list[PoseEvent]:
        return [self.codec.decode(record.value or b"", PoseEvent) for record in self.records(POSES, job)]

    def statuses(self, job: Job, kind: StatusKind) -> list[StatusEvent]:
        found = [self.codec.decode(record.value or b"", StatusEvent) for record in self.records(STATUS, job)]
        return [status for status in found if status.kind is kind]

    def until(self, done: Callable[[], bool], limit_s: float = 40) -> None:
        deadline_s = time.monotonic() + limit_s
        while not done():
            assert time.monotonic() < deadline_s, self.logs()

    def answered(self, job: Job, count: int) -> Callable[[], bool]:
        return lambda: len({event.seq for event in self.events(job)}) >= count

    def assignments(self) -> list[int]:
        """How many partitions each member of the group holds."""
        admin = AdminClient({"bootstrap.servers": self.kafka})
        (future,) = admin.describe_consumer_groups([f"workers.{self.pool}"]).values()
        return sorted(len(member.assignment.topic_partitions) for member in future.result(10).members)

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self._folder.glob("worker-*.log")))

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait(10)
        self._producer.close()
        self._reader.close()


@pytest.fixture(params=["at_least_once", "exactly_once"])
def world(stack: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(stack.kafka, stack.registry, tmp_path, request.param)
    yield made
    made.close()


def pose(estimates: Estimates) -> list[float]:
    found = estimates["cube"].cam_from_obj
    assert found is not None
    return found.translation_m.tolist()


def uninterrupted(world: World, job: Job, count: int) -> list[list[float]]:
    """The chain without Kafka: the same decoded frames, each after the other."""
    chain = ChainEstimator()
    found: list[list[float]] = []
    prior: Estimates = {}
    for seq in range(count):
        item = world.codec.decode(world.codec.encode(world.frames_topic, frame(job.id, seq)), Frame)
        prior = chain.track([item], [prior])[0] if prior else chain.register(item, ["cube"])
        found.append(pose(prior))
    return found


def check_complete(world: World, job: Job, count: int) -> None:
    """No event lost, first occurrences in order, repeated ones identical, registered once, poses as without a fault."""
    events = world.events(job)
    seen = [event.seq for event in events]
    assert (seen if world.delivery == "exactly_once" else list(dict.fromkeys(seen))) == list(range(count))
    expected = uninterrupted(world, job, count)
    for event in events:
        assert pose(event.estimates) == expected[event.seq]
        assert event.estimates["cube"].state is (State.TRACKED if event.seq else State.REGISTERED)
    assert world.statuses(job, StatusKind.GAP) == []


def test_two_workers_in_one_group_share_the_jobs(world: World) -> None:
    jobs = [world.job(number) for number in range(PARTITIONS)]
    world.worker()
    world.worker()
    world.until(lambda: world.assignments() == [2, 2])
    for job in jobs:
        world.frames(job, 0, 19)
    for job in jobs:
        world.until(world.answered(job, 20))
        check_complete(world, job, 20)


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


def test_a_worker_that_leaves_hands_over_at_once_and_exits_with_0(world: World) -> None:
    job = world.job()
    workers = [world.worker(), world.worker()]
    world.until(lambda: world.assignments() == [2, 2])
    world.frames(job, 0, 9)
    world.until(world.answered(job, 10))
    workers[0].send_signal(signal.SIGTERM)
    started_s = time.monotonic()
    assert workers[0].wait(10) == 0
    world.frames(job, 10, 19)
    world.until(world.answered(job, 20))
    assert time.monotonic() - started_s < SESSION_MS / 1000  # nobody waited for a session to end
    check_complete(world, job, 20)


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


def pose_bytes(estimate: Estimate) -> bytes:
    found = estimate.cam_from_obj
    assert found is not None
    return found.matrix().tobytes()
