"""Pause, resume and cancel on real Kafka: a worker and a producer heed within a second."""

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consumers.book import JobBook
from consumers.broker import Partition
from posestream.job_view import job_view
from schemas import Job, JobObject, JobStatus, StatusKind
from schemas.topics import DEFAULT_PARTITIONS
from tests.integration.worker_world import World, check_complete

pytestmark = pytest.mark.integration

HEED_S = 2.0  # 1 s is what is promised; tests share their machine
NO_SLOWER_S = 0.6  # of a producer that is told once every 0.2 s, with a frame in between


@pytest.fixture
def world(stack: Any, tmp_path: Path) -> Iterator[World]:
    made = World(stack.kafka, stack.registry, tmp_path)
    yield made
    made.close()


@pytest.fixture
def book(world: World) -> JobBook:
    return JobBook(world.broker, world.codec, DEFAULT_PARTITIONS)


def states(world: World, job: Job) -> list[str]:
    return [status.status for status in world.statuses(job, StatusKind.JOB)]


def told_after_s(world: World, job: Job, state: JobStatus, said: str) -> float:
    """Seconds from now until the worker itself says so."""
    began_s = time.monotonic()
    world.until(
        lambda: any(
            status.status == state and status.reason.startswith(said) for status in world.statuses(job, StatusKind.JOB)
        )
    )
    return time.monotonic() - began_s


def test_pause_keeps_the_track_resume_goes_on_with_it_and_each_takes_less_than_a_second(
    world: World, book: JobBook
) -> None:
    job = book.create(Job(world.pool, (JobObject("cube", "cube.ply"),), world.pool, "chain"))
    assert job.partition < 4
    world.worker()
    world.until(lambda: states(world, job)[-1:] == ["queued"])
    world.frames(job, 0, 19)
    world.until(world.answered(job, 20))
    book.pause(job.id)
    assert told_after_s(world, job, JobStatus.PAUSED, "paused after frame 19") < HEED_S
    world.frames(job, 20, 39)
    time.sleep(0.5)  # a worker that did not heed would have answered by now
    assert len(world.events(job)) == 20
    book.resume(job.id)
    began_s = time.monotonic()
    world.until(world.answered(job, 21))
    assert time.monotonic() - began_s < HEED_S
    world.until(world.answered(job, 40))
    check_complete(world, job, 40)
    with book.ledger() as ledger:
        view = job_view(ledger, ledger.jobs[job.id])
    assert (view["state"], view["progress"] is not None) == ("processing", True)
    book.cancel(job.id)
    assert told_after_s(world, job, JobStatus.CANCELLED, "cancelled after frame 39") < HEED_S


def test_a_producer_waits_while_its_job_is_paused_and_ends_when_it_is_cancelled(world: World, book: JobBook) -> None:
    job = book.create(Job(f"{world.pool}-{uuid.uuid4().hex[:4]}", (JobObject("cube", "c.ply"),), world.pool, "chain"))
    source = "synthetic:?frames=2000&size=64x48"
    command = [sys.executable, "-m", "posestream", "produce", job.id, source, "--rate", "30"]
    servers = ["--kafka", world.kafka, "--registry", world.registry]
    with subprocess.Popen(
        [*command, *servers], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as producer:
        reader = world.broker.reader()
        place = Partition(world.frames_topic, job.partition)

        def published() -> int:
            return reader.end(place)

        world.until(lambda: published() >= 10)
        book.pause(job.id)
        time.sleep(HEED_S)
        stands = published()
        time.sleep(NO_SLOWER_S)
        assert published() == stands
        with book.ledger() as ledger:
            fed = job_view(ledger, ledger.jobs[job.id])["producer"]
        assert (fed["seq"] + 1, fed["total"]) == (pytest.approx(stands, abs=stands), 2000)
        book.resume(job.id)
        began_s = time.monotonic()
        world.until(lambda: published() > stands)
        assert time.monotonic() - began_s < HEED_S
        book.cancel(job.id)
        assert producer.wait(10) == 1
        assert producer.stderr is not None
        assert "cancelled while its frames were published" in producer.stderr.read()
        reader.close()
