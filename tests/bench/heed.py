"""How soon a worker and a producer heed pause, resume and cancel: seconds from the request until it holds.

``python tests/bench/heed.py`` against the servers of POSESTREAM_* or the running local stack; prints a table. Means
little on a machine that has other work.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from consumers.book import JobBook  # noqa: E402 - the root is on the path now
from consumers.broker import Partition  # noqa: E402
from posestream.addresses import known_addresses  # noqa: E402
from schemas import Job, JobObject, StatusKind  # noqa: E402
from schemas.topics import DEFAULT_PARTITIONS  # noqa: E402
from tests.integration.worker_world import World  # noqa: E402

ROUNDS = 5
RATE_HZ = 20
STILL_S = 0.5  # ten frames' time without one


def rounds(world: World, book: JobBook, job: Job) -> dict[str, list[float]]:
    """Seconds of each kind."""
    reader, place = world.broker.reader(), Partition(world.frames_topic, job.partition)
    found: dict[str, list[float]] = {"worker pauses": [], "producer pauses": [], "worker resumes": []}
    for _ in range(ROUNDS):
        count = len(world.events(job))
        world.until(lambda before=count: len(world.events(job)) > before + 10)
        began_s, said = time.monotonic(), told(world, job, "paused after")
        book.pause(job.id)
        world.until(lambda before=said: told(world, job, "paused after") > before)
        found["worker pauses"].append(time.monotonic() - began_s)
        last, changed_s = reader.end(place), time.monotonic()
        while time.monotonic() - changed_s < STILL_S:
            time.sleep(0.01)
            if (now := reader.end(place)) != last:
                last, changed_s = now, time.monotonic()
        found["producer pauses"].append(max(0.0, changed_s - began_s))
        count, began_s = len(world.events(job)), time.monotonic()
        book.resume(job.id)
        world.until(lambda before=count: len(world.events(job)) > before)
        found["worker resumes"].append(time.monotonic() - began_s)
    reader.close()
    return found


def told(world: World, job: Job, beginning: str) -> int:
    """How often the worker said so."""
    return sum(status.reason.startswith(beginning) for status in world.statuses(job, StatusKind.JOB))


def cancelled(world: World, book: JobBook, job: Job, ended: Callable[[], bool]) -> dict[str, list[float]]:
    """Seconds until worker and producer have ended the job."""
    began_s = time.monotonic()
    book.cancel(job.id)
    world.until(lambda: told(world, job, "cancelled after") > 0)
    worker_s = time.monotonic() - began_s
    world.until(ended)
    return {"worker cancels": [worker_s], "producer ends": [time.monotonic() - began_s]}


def main() -> None:
    """Print the table."""
    servers = known_addresses()
    assert servers is not None, "expected running servers: posestream stack up"
    with tempfile.TemporaryDirectory() as folder:
        world = World(servers.kafka, servers.registry, Path(folder))
        book = JobBook(world.broker, world.codec, DEFAULT_PARTITIONS)
        job = book.create(Job(world.pool, (JobObject("cube", "c.ply"),), world.pool, "chain"))
        world.worker()
        source = f"synthetic:?frames=100000&size=64x48&rate={RATE_HZ}"
        command = [sys.executable, "-m", "posestream", "produce", job.id, source]
        environment = os.environ | servers.as_environment() | {"PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as producer:
            world.until(lambda: len(world.events(job)) > 0, 180)
            found = rounds(world, book, job)
            found |= cancelled(world, book, job, lambda: producer.poll() is not None)
        world.close()
    print(f"load {os.getloadavg()[0]:.1f}")
    for name, seconds in found.items():
        print(f"{name:18} median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s of {len(seconds)}")


if __name__ == "__main__":
    main()
