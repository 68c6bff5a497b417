"""The registry is away: known schemas go on, a new one waits with a clear message and is read when it is back."""

import json
import struct
import time
import urllib.request
from importlib import resources

import numpy as np
import pytest

from consumers.broker import Partition
from consumers.kafka import KafkaBroker
from schemas import Camera, Frame
from schemas.topics import dlq_topic, frames_topic
from tests.chaos.faults import ServerKilled
from tests.chaos.world import World

pytestmark = pytest.mark.integration


def newer_schema(registry: str) -> int:
    """Registers the frame's schema with other words in it; its id."""
    schema = json.loads((resources.files("schemas") / "avro" / "frame.avsc").read_text()) | {"doc": str(time.time())}
    request = urllib.request.Request(
        f"{registry}/subjects/chaos-{time.time_ns()}-value/versions",
        json.dumps({"schema": json.dumps(schema)}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return int(json.load(answer)["id"])


def frame(job_id: str) -> Frame:
    return Frame(job_id, "r", 0, 1, Camera(8, 6, 9.0, 9.0, 4.0, 3.0), np.zeros((6, 8, 3), np.uint8))


def test_the_registry_is_away(world: World) -> None:
    lanes = [world.lane(delivery, jobs=1) for delivery in ("at_least_once", "exactly_once")]
    workers = [world.worker(lane) for lane in lanes]
    quiet = [world.job(f"{lane.pool}-quiet", lane.pool) for lane in lanes]
    world.film(10.0)
    world.progress(5)
    head = b"\x00" + struct.pack(">I", newer_schema(world.addresses.registry))
    values = {job.id: world.codec.encode(frames_topic(job.pool), frame(job.id)) for job in quiet}
    fault = ServerKilled(world.servers, "registry")
    at_s = world.verdict.now_s()
    fault.strike()
    producer = KafkaBroker(world.addresses.kafka).producer()
    for job in quiet:
        to = Partition(frames_topic(job.pool), job.partition)
        producer.send(to, job.id.encode(), head + values[job.id][5:])
    producer.flush(30)
    late = [world.worker(lane) for lane in lanes]
    world.progress(20)
    world.hold(world.form.pick(2, 50))
    world.progress(5)
    assert [world.answered(job) for job in quiet] == [0, 0]
    for worker in workers:
        assert "waits from offset" in worker.log.read_text(), "it says what waits"
    for worker in late:
        world.until(lambda worker=worker: "waiting: schema registry" in worker.log.read_text(), "its word on waiting")
    fault.heal()
    world.struck(fault.name, at_s)
    world.until(lambda: all(world.answered(job) == 1 for job in quiet), "answers to what waited")
    world.settle()
    world.judge()
    assert not world.letters, f"nothing was given up on in {[dlq_topic(frames_topic(lane.pool)) for lane in lanes]}"
