"""A pool of its own: jobs, a producer process that keeps time, workers as processes, and a reader of their events."""

import multiprocessing
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np

from consumers.broker import Partition
from consumers.kafka import KafkaBroker
from posestream.stack import Addresses
from schemas import Camera, Frame, Job, JobObject, Mode, PoseEvent
from schemas.codec import Codec
from schemas.images import FrameEncoding
from schemas.topics import DEFAULT_PARTITIONS, JOBS, POSES, frames_topic, specs

SCRIPT = Path(__file__).parents[2] / "integration" / "consumers_fake_worker.py"
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Seen:
    """An event and when its reader had it, nanoseconds since the Unix epoch."""

    event: PoseEvent
    at_ns: int


class Bench:
    """One pool; workers run a tiny estimator that takes so long a call."""

    def __init__(self, addresses: Addresses, streams: int, mode: Mode = Mode.ALL) -> None:
        self.addresses = addresses
        self.broker, self.codec = KafkaBroker(addresses.kafka), Codec(addresses.registry)
        self.pool = f"bench{uuid.uuid4().hex[:8]}"
        self.topic = frames_topic(self.pool)
        self.broker.ensure_topics(specs([self.pool], DEFAULT_PARTITIONS))
        self.jobs = [self._job(number, mode) for number in range(streams)]
        self._reader = self.broker.reader()
        places = {Partition(POSES, job.partition) for job in self.jobs}
        self._reader.assign({place: self._reader.end(place) for place in places})
        self._workers: list[subprocess.Popen[bytes]] = []

    def _job(self, number: int, mode: Mode) -> Job:
        partition, name = number % DEFAULT_PARTITIONS, f"{self.pool}-{number}"
        job = Job(name, (JobObject("cube", "cube.ply"),), self.pool, "chain", mode, partition)
        producer = self.broker.producer()
        producer.send(Partition(JOBS, partition), name.encode(), self.codec.encode(JOBS, job))
        producer.flush(PATIENCE_S)
        producer.close()
        return job

    def worker(self, call_s: float, **settings: object) -> subprocess.Popen[bytes]:
        own = {"POOL": self.pool} | {name.upper(): value for name, value in settings.items()}
        environment = os.environ | self.addresses.as_environment()
        environment |= {f"POSESTREAM_{name}": str(value) for name, value in own.items()}
        command = [sys.executable, str(SCRIPT), str(call_s)]
        self._workers.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
        return self._workers[-1]

    def publishing(self, size: tuple[int, int], count: int, rate_hz: float) -> BaseProcess:
        """A process that publishes ``count`` frames of every job; flat out at rate 0."""
        places = [(job.id, job.partition) for job in self.jobs]
        arguments = (self.addresses.kafka, self.addresses.registry, self.topic, places, size, count, rate_hz)
        process = multiprocessing.get_context("spawn").Process(target=publish, args=arguments)
        process.start()
        return process

    def read(self, timeout_s: float = 0.002) -> list[Seen]:
        """Events that came since."""
        records = self._reader.read(timeout_s)
        at_ns = time.time_ns()
        return [Seen(self.codec.decode(record.value or b"", PoseEvent), at_ns) for record in records]

    def read_until(self, count: int, limit_s: float = PATIENCE_S) -> list[Seen]:
        """Events until there are so many different ones."""
        found: list[Seen] = []
        keys: set[tuple[str, int]] = set()
        deadline_s = time.monotonic() + limit_s
        while len(keys) < count:
            if time.monotonic() > deadline_s:
                sys.exit(f"{len(keys)} of {count} events after {limit_s:.0f} s")
            news = [one for one in self.read() if (one.event.job_id, one.event.seq) not in keys]
            keys |= {(one.event.job_id, one.event.seq) for one in news}
            found += news
        return found

    def close(self) -> None:
        for worker in self._workers:
            if worker.poll() is None:
                worker.terminate()
        for worker in self._workers:
            worker.wait(30)
        self._reader.close()


def publish(
    kafka: str,
    registry: str,
    topic: str,
    places: Sequence[tuple[str, int]],
    size: tuple[int, int],
    count: int,
    rate_hz: float,
) -> None:
    """Frames of every job, on time; runs in a process of its own."""
    broker, codec = KafkaBroker(kafka), Codec(registry)
    producer = broker.producer()
    width, height = size
    camera = Camera(width, height, width * 0.9, width * 0.9, width / 2, height / 2)
    random = np.random.default_rng(0)
    coarse = random.integers(0, 240, (height // 8, width // 8, 3), np.uint8)
    rgb = np.ascontiguousarray(np.repeat(np.repeat(coarse, 8, 0), 8, 1))
    depth_m = np.full((height, width), 0.8, np.float32)
    start_s = time.perf_counter()
    for seq in range(count):
        if rate_hz:
            time.sleep(max(0.0, start_s + seq / rate_hz - time.perf_counter()))
        for job_id, number in places:
            frame = Frame(job_id, "run", seq, time.time_ns(), camera, rgb, depth_m)
            value = codec.encode(topic, frame, FrameEncoding(depth_unit_m=0.001))
            producer.send(Partition(topic, number), job_id.encode(), value)
        producer.settled()
        if not rate_hz and seq % 16 == 0:
            producer.flush(PATIENCE_S)
    producer.flush(PATIENCE_S)
    producer.close()


def cpu_s(pid: int) -> float:
    """User and system seconds of a running process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
