"""Workers as processes on real Kafka: a pool of their own, and what must be true of their answers."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from consumers.broker import Partition, Record
from consumers.kafka import KafkaBroker
from consumers.kafka_records import is_passing
from schemas import Camera, Estimate, Estimates, Frame, Job, JobObject, Mode, PoseEvent, State, StatusEvent, StatusKind
from schemas.codec import Codec
from schemas.topics import DEFAULT_PARTITIONS, JOBS, POSES, STATUS, dlq_topic, frames_topic, specs
from tests.integration.consumers_fake_worker import ChainEstimator

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

    def __init__(
        self, kafka: str, registry: str, folder: Path, delivery: str = "at_least_once", group: str = ""
    ) -> None:
        self.delivery, self.group = delivery, group
        self.pool = f"p{uuid.uuid4().hex[:8]}"
        self.kafka, self.registry, self._folder = kafka, registry, folder
        self.broker = KafkaBroker(kafka)
        self._admin = AdminClient({"bootstrap.servers": kafka})
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
        own |= {"DELIVERY": self.delivery, "GROUP_PROTOCOL": "consumer" if self.group == "consumer" else "classic"}
        own |= {"INSTANCE_ID": f"static-{len(self.workers)}"} if self.group == "static" else {}
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
        """How many partitions each member of the group holds; of none where its broker is not up to it yet."""
        (future,) = self._admin.describe_consumer_groups([f"workers.{self.pool}"]).values()
        try:
            members = future.result(10).members
        except KafkaException as error:
            if not is_passing(error.args[0]):
                raise
            return []
        return sorted(len(member.assignment.topic_partitions) for member in members)

    def topics(self) -> set[str]:
        return set(self._admin.list_topics(timeout=10).topics)

    def group_type(self) -> str:
        (future,) = self._admin.describe_consumer_groups([f"workers.{self.pool}"]).values()
        return future.result(10).type.name.lower()

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self._folder.glob("worker-*.log")))

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait(10)
        self._producer.close()
        self._reader.close()


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


def pose_bytes(estimate: Estimate) -> bytes:
    found = estimate.cam_from_obj
    assert found is not None
    return found.matrix().tobytes()
