"""Gen6D over real Kafka with the golden recipe's weights: batches over streams, and hand-over.

Poses are meaningless with these weights, but they depend on every frame and on all that tracking carries along.
"""

import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from consumers.broker import Partition
from estimators.gen6d.estimator import Gen6DEstimator
from estimators.gen6d.geometry import camera_position
from schemas import Estimates, Frame, Job, JobObject, PoseEvent, State
from schemas.images import FrameEncoding
from schemas.topics import JOBS
from tests.integration.worker_world import World, pose_bytes
from tests.unit.gen6d_world import around, frame, looking_from, photos, weights

pytestmark = pytest.mark.integration

ENCODING = FrameEncoding(depth_unit_m=0.001)
OPTIONS = {"views": "3", "steps": "0", "loss": "off"}
VIEW = looking_from(camera_position(around(12)[4]) + np.array([0.02, 0.03, 0.0]), 0.2)
BOX = JobObject("box", str(photos()))


class Gen6DWorld(World):
    script = Path(__file__).with_name("network_worker.py")

    def start(self) -> Any:
        return self.worker(weights=weights(), device="cpu", estimator="gen6d")

    def job_of(self, stream: int) -> Job:
        name = f"{self.pool}-{stream}"
        job = Job(name, (BOX,), pool=self.pool, estimator="gen6d", partition=stream, options=OPTIONS)
        self._producer.send(Partition(JOBS, stream), job.id.encode(), self.codec.encode(JOBS, job))
        self._producer.flush(10)
        return job

    def encoded(self, made: Frame) -> bytes:
        return self.codec.encode(self.frames_topic, made, ENCODING)

    def first_events(self, job: Job) -> dict[int, PoseEvent]:
        out: dict[int, PoseEvent] = {}
        for event in self.events(job):
            out.setdefault(event.seq, event)
        return out


@pytest.fixture
def world(stack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gen6DWorld]:
    monkeypatch.setenv("POSESTREAM_CACHE", str(tmp_path / "cache"))
    made = Gen6DWorld(stack.kafka, stack.registry, tmp_path)
    yield made
    made.close()


def expected(world: Gen6DWorld, job: Job, encoded: list[bytes]) -> tuple[list[Estimates], str]:
    """The same without Kafka, the decoded frames each after the other; and the weights' digest."""
    made = Gen6DEstimator(weights(), threads=0)
    made.prepare(job)
    answers: list[Estimates] = []
    for value in encoded:
        given = world.codec.decode(value, Frame)
        answers.append(made.track([given], [answers[-1]])[0] if answers else made.register(given, ["box"]))
    return answers, made.weights_digest


def test_another_worker_goes_on_with_the_very_poses_and_streams_share_calls(world: Gen6DWorld) -> None:
    """The second stream comes when nobody works, so that its second frame waits beside the first stream's last."""
    first, second = world.job_of(0), world.job_of(1)
    frames = [frame(VIEW, seq, job_id=first.id, depth=True, mask=seq == 0) for seq in range(4)]
    encoded = [world.encoded(one) for one in frames]
    for value in encoded[:2]:
        world.raw(first, value)
    worker = world.start()
    world.until(world.answered(first, 2), limit_s=240)
    worker.send_signal(signal.SIGKILL)
    worker.wait(10)
    for value, other in zip(encoded[2:], frames[:2], strict=True):
        world.raw(first, value)
        world.raw(second, world.encoded(replace(other, job_id=second.id, depth_m=None)))
    world.start()
    world.until(lambda: world.answered(first, 4)() and world.answered(second, 2)(), limit_s=240)
    assert ("2", "2", "1") in re.findall(r"followed (\d+) objects of (\d+) streams in (\d+) calls", world.logs())
    alone, digest = expected(world, first, encoded)
    events = world.first_events(first)
    # in another batch a step differs by rounding, and the recipe's weights make more of that in the next
    for seq, apart in enumerate((0.0, 0.0, 1e-4, 0.02)):
        found, wanted = (one["box"].cam_from_obj for one in (events[seq].estimates, alone[seq]))
        assert found is not None
        assert wanted is not None
        assert max(found.distance(wanted)) <= apart, seq
        assert events[seq].estimates["box"].state is (State.TRACKED if seq else State.REGISTERED)
        assert events[seq].weights_digest == digest
    assert len({pose_bytes(event.estimates["box"]) for event in events.values()}) == 4
