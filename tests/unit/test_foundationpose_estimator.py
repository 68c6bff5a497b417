"""FoundationPose behind the protocol: states, batches, hand-over, symmetries and bad input.

With the golden recipe's weights poses are meaningless but reproducible; with ``still`` ones the refiner moves nothing.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from estimators.foundationpose import starts
from estimators.foundationpose.device import Device
from estimators.foundationpose.estimator import FoundationPoseEstimator
from estimators.foundationpose.judge import LOST_AFTER, RECALL
from estimators.foundationpose.memory import Memory
from schemas import (
    BadMessage,
    Estimate,
    Estimates,
    Frame,
    JobObject,
    Pose,
    State,
    Symmetries,
)
from tests.unit.estimators_scene import CAMERA, pose
from tests.unit.foundationpose_world import AT, BARE, box, estimator, job, prepared, studio, weights


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Iterator[FoundationPoseEstimator]:
    monkeypatch.setattr(starts, "SURVIVORS", 2)  # each costs three forwards of a network
    with prepared(still=True) as made:
        yield made


@pytest.fixture
def moving() -> Iterator[FoundationPoseEstimator]:
    with prepared(still=False, **BARE) as made:
        yield made


def empty(frame: Frame, depth_m: Any = None) -> Frame:
    """The same frame with nothing measured, or this."""
    blank = np.zeros((CAMERA.height, CAMERA.width), np.float32) if depth_m is None else depth_m
    return replace(frame, depth_m=blank)


def test_an_object_is_registered_from_its_mask_near_its_true_pose(still: FoundationPoseEstimator) -> None:
    found = still.register(studio().frame(0, {"box": AT}, masks=True), ["box"])["box"]
    assert found.state is State.REGISTERED
    assert found.cam_from_obj is not None
    assert found.cam_from_obj.distance(AT)[1] < 0.01  # the geometric survivors' accuracy: the refiner moves nothing
    assert found.score > 0.7


def test_without_a_mask_pieces_of_the_scene_are_tried(still: FoundationPoseEstimator) -> None:
    found = still.register(studio().frame(0, {"box": AT}), ["box"])["box"]
    assert found.state is State.REGISTERED
    assert found.cam_from_obj is not None
    assert found.cam_from_obj.distance(AT)[1] < 0.02


def test_a_pose_that_is_given_is_kept(still: FoundationPoseEstimator) -> None:
    frame = studio().frame(0, {"box": AT})
    given = still.adopt(frame, {"box": AT})["box"]
    assert (given.state, given.cam_from_obj) == (State.REGISTERED, AT)
    assert given.score > 0.8
    wrong = still.adopt(frame, {"box": pose((0, 0, 0), x_m=0.12, z_m=0.4)})["box"]
    assert wrong.score < 0.3


def test_an_object_that_goes_is_lost_and_one_that_comes_back_is_found(still: FoundationPoseEstimator) -> None:
    prior = still.adopt(studio().frame(0, {"box": AT}), {"box": AT})
    states: list[State] = []
    for seq in range(1, LOST_AFTER + 2):
        (prior,) = still.track([studio().frame(seq, {})], [prior])
        states.append(prior["box"].state)
    assert states == [State.TRACKED] * (LOST_AFTER - 1) + [State.LOST] * 2
    assert prior["box"].cam_from_obj is not None
    (prior,) = still.track([studio().frame(20, {"box": AT})], [prior])
    assert prior["box"].state is State.REGISTERED
    assert prior["box"].score > 0.8


def test_a_lost_object_that_comes_back_elsewhere_is_registered_anew(still: FoundationPoseEstimator) -> None:
    memory = Memory(unseen=RECALL + 1, mean=0.9, trusted=AT)
    prior = {"box": Estimate(AT, 0.0, State.LOST, memory=memory.pack())}
    moved = pose((60, -20, 10), x_m=0.05, z_m=0.52)
    (found,) = still.track([studio().frame(1, {"box": moved})], [prior])
    assert found["box"].state is State.REGISTERED
    assert found["box"].cam_from_obj is not None
    assert found["box"].cam_from_obj.distance(moved)[1] < 0.02


def test_an_object_that_is_not_there_is_not_made_up(still: FoundationPoseEstimator) -> None:
    wall = studio().frame(0, {})
    assert still.register(wall, ["box"])["box"].state is State.LOST
    mask = np.zeros((CAMERA.height, CAMERA.width), np.bool_)
    for rows in (slice(0, 0), slice(5, 9)):
        mask[rows, 5:9] = True
        found = still.register(replace(wall, masks={"box": mask.copy()}), ["box"])["box"]
        assert (found.state, found.cam_from_obj, found.score) == (State.LOST, None, 0.0)


def test_depth_that_fails_for_a_frame_does_not_lose_the_object(still: FoundationPoseEstimator) -> None:
    prior = still.adopt(studio().frame(0, {"box": AT}), {"box": AT})
    frame = studio().frame(1, {"box": AT})
    for blank in (np.zeros_like(frame.depth_m), np.full_like(frame.depth_m, np.nan)):
        (after,) = still.track([empty(frame, blank)], [prior])
        assert (after["box"].state, after["box"].score) == (State.TRACKED, 0.0)
        assert after["box"].cam_from_obj is not None
        assert after["box"].cam_from_obj.distance(AT) == pytest.approx((0, 0), abs=1e-6)
        (again,) = still.track([frame], [after])
        assert again["box"].score > 0.8
    nothing = still.register(empty(studio().frame(0, {"box": AT}, masks=True)), ["box"])["box"]
    assert nothing.state is State.LOST


def test_a_frame_without_a_depth_sensor_is_refused(still: FoundationPoseEstimator) -> None:
    frame = replace(studio().frame(3, {"box": AT}), depth_m=None)
    with pytest.raises(BadMessage, match="frame 3 of job job: foundationpose needs depth, the frame has none"):
        still.track([frame], [{"box": Estimate(AT, 1.0, State.TRACKED)}])
    with pytest.raises(BadMessage, match="needs depth"):
        still.register(frame, ["box"])


@pytest.mark.parametrize(
    "bad",
    [
        pose((0, 0, 0), z_m=-0.5),
        pose((0, 0, 0), z_m=0.001),
        pose((0, 0, 0), x_m=3.0),
        pose((0, 0, 0), z_m=0.03),
        pose((0, 0, 0), z_m=90.0),
    ],
    ids=["behind", "at the lens", "out of view", "larger than the frame", "far away"],
)
def test_priors_that_cannot_be_looked_at_do_not_touch_the_others(moving: FoundationPoseEstimator, bad: Pose) -> None:
    moving.prepare(job("box", "other", iterations="1", score_every="0"))
    frame = studio("box", "other").frame(1, {"box": AT})
    good = Estimate(AT, 1.0, State.TRACKED)
    (alone,) = moving.track([frame], [{"box": good}])
    (both,) = moving.track([frame], [{"other": Estimate(bad, 1.0, State.TRACKED), "box": good}])
    assert both["box"].cam_from_obj is not None
    assert alone["box"].cam_from_obj is not None
    assert both["box"].cam_from_obj.distance(alone["box"].cam_from_obj) == pytest.approx((0, 0), abs=1e-4)
    assert both["other"].score < 0.3
    assert both["other"].cam_from_obj is not None
    assert np.isfinite(both["other"].cam_from_obj.matrix()).all()


def test_objects_of_many_streams_go_through_the_refiner_in_one_batch(moving: FoundationPoseEstimator) -> None:
    jobs = [f"job-{k}" for k in range(3)]
    for name in jobs:
        moving.prepare(job("box", "twin", job_id=name, **BARE))
    poses = {"box": AT, "twin": pose((50, 0, 20), x_m=0.1, z_m=0.55)}
    frames = [replace(studio("box", "twin").frame(seq, poses), job_id=name) for seq, name in enumerate(jobs)]
    priors: list[Estimates] = [{name: Estimate(at, 1.0, State.TRACKED) for name, at in poses.items()} for _ in jobs]
    before = moving.engine.calls
    together = moving.track(frames, priors)
    assert moving.engine.calls - before == 1
    for frame, prior, answer in zip(frames, priors, together, strict=True):
        assert list(answer) == ["box", "twin"]
        (alone,) = moving.track([frame], [prior])
        for name, estimate in answer.items():
            other = alone[name].cam_from_obj
            assert estimate.cam_from_obj is not None
            assert other is not None
            assert estimate.cam_from_obj.distance(other) == pytest.approx((0, 0), abs=1e-4)
    for name in jobs:
        moving.release(name)


def test_tracking_goes_on_from_pose_and_memory_alone(moving: FoundationPoseEstimator) -> None:
    """As after a hand-over: another estimator of the same weights gives the very same poses."""
    other = FoundationPoseEstimator(weights(still=False), Device(torch.device("cpu")), threads=0)
    other.prepare(job("box", **BARE))
    frames = [studio().frame(seq, {"box": AT}) for seq in range(4)]
    prior: Estimates = {"box": Estimate(AT, 1.0, State.TRACKED)}
    moved = prior
    for seq, frame in enumerate(frames):
        (prior,) = moving.track([frame], [prior])
        (moved,) = (moving if seq < 2 else other).track([frame], [moved])
    assert prior["box"].cam_from_obj is not None
    assert moved["box"].cam_from_obj is not None
    assert (prior["box"].cam_from_obj.matrix() == moved["box"].cam_from_obj.matrix()).all()
    assert prior["box"].memory == moved["box"].memory
    assert prior["box"].cam_from_obj.distance(AT)[1] > 0.001  # it did move


def test_memory_of_another_estimator_is_not_read(still: FoundationPoseEstimator) -> None:
    prior = {"box": Estimate(AT, 1.0, State.TRACKED, memory=b"somebody else's")}
    (after,) = still.track([studio().frame(1, {"box": AT})], [prior])
    assert after["box"].state is State.TRACKED
    assert Memory.unpack(after["box"].memory) is not None


def test_a_symmetric_object_does_not_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starts, "SURVIVORS", 2)
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    made = estimator(still=True)
    item = JobObject("box", str(box()), symmetries=Symmetries((flip,)))
    made.prepare(replace(job("box"), objects=(item,)))
    mask = studio().frame(0, {"box": AT}, masks=True)
    last = Memory(unseen=RECALL + 1, mean=0.9, trusted=AT)
    prior = {"box": Estimate(AT, 0.0, State.LOST, memory=last.pack())}
    (found,) = made.track([mask], [prior])
    assert found["box"].cam_from_obj is not None
    assert found["box"].cam_from_obj.distance(AT)[0] < np.pi / 2
    made.release("job")
