"""FoundationPose over real Kafka with the golden recipe's weights: batches over streams, and hand-over.

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
import torch

from consumers.broker import Partition
from estimators.foundationpose import starts
from estimators.foundationpose.device import Device
from estimators.foundationpose.estimator import FoundationPoseEstimator
from estimators.mesh import load_mesh
from schemas import Estimates, Frame, Job, JobObject, PoseEvent, SeqRange, State, StatusKind
from schemas.images import FrameEncoding
from schemas.topics import JOBS
from tests.integration.worker_world import PARTITIONS, World, pose_bytes
from tests.unit.estimators_scene import Studio, pose
from tests.unit.foundationpose_world import box, weights

pytestmark = pytest.mark.integration

STREAMS, FRAMES = 8, 3  # the third finds all streams together, whenever the first came
NAMES = ("box", "twin")
OPTIONS = {"loss": "off", "iterations": "1", "score_every": "3"}
ENCODING = FrameEncoding(depth_unit_m=0.001)


class FoundationPoseWorld(World):
    script = Path(__file__).with_name("network_worker.py")

    def start(self) -> Any:
        place = {"weights": weights(still=False), "device": "cpu", "precision": "fp32", "estimator": "foundationpose"}
        return self.worker(**place)

    def two_boxes(self, stream: int) -> Job:
        return self.job_of(stream, *(JobObject(name, str(box())) for name in NAMES))

    def job_of(self, stream: int, *objects: JobObject) -> Job:
        number = stream % PARTITIONS
        job = Job(
            f"{self.pool}-{stream}",
            objects,
            pool=self.pool,
            estimator="foundationpose",
            partition=number,
            options=OPTIONS,
        )
        self._producer.send(Partition(JOBS, number), job.id.encode(), self.codec.encode(JOBS, job))
        self._producer.flush(10)
        return job

    def encoded(self, job: Job, count: int) -> list[bytes]:
        studio = Studio(dict.fromkeys(NAMES, load_mesh(box())))
        at = {"box": pose((20, 30, 0), x_m=-0.06, z_m=0.5), "twin": pose((50, 0, 20), x_m=0.08, z_m=0.55)}
        frames = [replace(studio.frame(seq, at, masks=seq == 0), job_id=job.id) for seq in range(count)]
        return [self.codec.encode(self.frames_topic, frame, ENCODING) for frame in frames]


@pytest.fixture
def world(stack: Any, tmp_path: Path) -> Iterator[FoundationPoseWorld]:
    made = FoundationPoseWorld(stack.kafka, stack.registry, tmp_path)
    yield made
    made.close()


def uninterrupted(world: FoundationPoseWorld, job: Job, encoded: list[bytes]) -> list[Estimates]:
    """The same without Kafka: the decoded frames, each after the other."""
    made = FoundationPoseEstimator(weights(still=False), Device(torch.device("cpu")), threads=0)
    made.prepare(job)
    answers: list[Estimates] = []
    for value in encoded:
        frame = world.codec.decode(value, Frame)
        answers.append(made.track([frame], [answers[-1]])[0] if answers else made.register(frame, list(NAMES)))
    return answers


def first_events(world: FoundationPoseWorld, job: Job) -> dict[int, PoseEvent]:
    out: dict[int, PoseEvent] = {}
    for event in world.events(job):
        out.setdefault(event.seq, event)
    return out


def test_many_streams_go_through_the_network_in_one_call_a_round(world: FoundationPoseWorld) -> None:
    jobs = [world.two_boxes(stream) for stream in range(STREAMS)]
    frames = [world.encoded(job, FRAMES) for job in jobs]
    for values in zip(*frames, strict=True):
        for job, value in zip(jobs, values, strict=True):
            world.raw(job, value)
    world.start()
    for job in jobs:
        world.until(world.answered(job, FRAMES), limit_s=240)
        events = first_events(world, job)
        assert sorted(events) == list(range(FRAMES))
        digest = {event.weights_digest for event in events.values()}
        assert digest == {FoundationPoseEstimator(weights(still=False), Device(torch.device("cpu"))).weights_digest}
        for seq, event in events.items():
            states = {name: estimate.state for name, estimate in event.estimates.items()}
            assert states == dict.fromkeys(NAMES, State.TRACKED if seq else State.REGISTERED)
    rounds = re.findall(r"followed (\d+) objects of (\d+) streams in (\d+) calls", world.logs())
    assert all(calls == "1" for _, _, calls in rounds)
    assert ("16", "8", "1") in rounds


def test_bad_objects_say_why_and_the_others_of_the_job_are_followed(world: FoundationPoseWorld) -> None:
    """One that cannot be used at all, and one whose mask has hardly a pixel; both are told in the topic status."""
    millimetres = JobObject("mug", str(box()), model_unit_m=1000.0)
    job = world.job_of(0, *(JobObject(name, str(box())) for name in NAMES), millimetres)
    studio = Studio(dict.fromkeys(NAMES, load_mesh(box())))
    at = {"box": pose((20, 30, 0), x_m=-0.06, z_m=0.5)}
    first = studio.frame(0, at, masks=True)
    speck = np.zeros(first.depth_m.shape if first.depth_m is not None else (), np.bool_)
    speck[:2, :5] = True
    frames = [replace(first, masks={**(first.masks or {}), "twin": speck}), studio.frame(1, at), studio.frame(2, at)]
    for frame in frames:
        world.raw(job, world.codec.encode(world.frames_topic, replace(frame, job_id=job.id), ENCODING))
    world.start()
    world.until(world.answered(job, 3), limit_s=240)
    world.until(lambda: len(world.statuses(job, StatusKind.OBJECT)) >= 2)
    unusable, unfound = world.statuses(job, StatusKind.OBJECT)
    assert unusable.reason.startswith(f"object mug: mesh {box()}: expected a diameter of 0.005 to 5.0 m, got")
    assert unfound.reason == "object twin: expected a mask of 30 pixels or more, got 10"
    assert (unusable.frames, unfound.frames) == (None, SeqRange(0, 0))
    for seq, event in first_events(world, job).items():
        assert event.estimates["box"].state is (State.TRACKED if seq else State.REGISTERED)
        assert (event.estimates["mug"].state, event.estimates["mug"].cam_from_obj) == (State.LOST, None)
        assert event.estimates["twin"].state is State.LOST


def test_foundationpose_goes_on_after_kill_9_with_the_very_poses_it_would_have_had(
    world: FoundationPoseWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starts, "SURVIVORS", 1)
    job = world.two_boxes(0)
    encoded = world.encoded(job, 7)
    first = world.start()
    for value in encoded[:4]:
        world.raw(job, value)
    world.until(world.answered(job, 3), limit_s=240)
    first.send_signal(signal.SIGKILL)
    world.start()
    for value in encoded[4:]:
        world.raw(job, value)
    world.until(world.answered(job, 7), limit_s=240)
    expected = uninterrupted(world, job, encoded)
    for event in world.events(job):
        for name in NAMES:
            assert pose_bytes(event.estimates[name]) == pose_bytes(expected[event.seq][name]), (event.seq, name)
            assert event.estimates[name].score == expected[event.seq][name].score
