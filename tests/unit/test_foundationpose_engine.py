"""FoundationPose's batches, memory, devices and what cannot be used: a clear error each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from estimators.foundationpose.batch import Batch
from estimators.foundationpose.device import Device
from estimators.foundationpose.engine import Engine, split
from estimators.foundationpose.estimator import FoundationPoseEstimator
from estimators.foundationpose.inputs import Group
from estimators.foundationpose.room import Room
from estimators.registry import Resources, load, names
from schemas import BadJob, Estimate, Overloaded, State
from tests.unit.foundationpose_world import AT, BARE, BOX_M, estimator, job, prepared, studio, weights


@pytest.fixture
def moving() -> Iterator[FoundationPoseEstimator]:
    with prepared(still=False, **BARE) as made:
        yield made


def test_pruned_and_full_registration_keep_what_their_plans_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The grid on the CPU with a network that moves nothing and sees nothing: only counts and states are looked at."""
    made = estimator(still=True)
    counts: list[tuple[str, int]] = []

    def refine(_engine: Engine, _groups: list[Group], poses: torch.Tensor, iterations: int) -> torch.Tensor:
        counts.append(("refine", len(poses) * iterations))
        return poses

    def score(_engine: Engine, groups: list[Group], poses: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        counts.append(("score", len(poses)))
        return [torch.zeros(group.count) for group in groups], torch.zeros(len(poses))

    monkeypatch.setattr(Engine, "refine", refine)
    monkeypatch.setattr(Engine, "score", score)
    frame = studio().frame(0, {"box": AT}, masks=True)
    for search, wanted in (
        ("full", [("refine", 1260), ("score", 252)]),
        ("pruned", [("refine", 252), ("refine", 128), ("score", 64), ("refine", 32), ("score", 16)]),
    ):
        made.prepare(job("box", search=search, loss="off"))
        counts.clear()
        assert made.register(frame, ["box"])["box"].state is State.REGISTERED
        assert counts == wanted
    made.release("job")


def test_groups_are_cut_into_batches_in_order() -> None:
    groups = [Group(None, name, 0.1, count) for name, count in (("a", 5), ("b", 1), ("c", 4))]  # type: ignore[arg-type]
    cut = [[(group.mesh, group.count) for group in chunk] for chunk in split(groups, 4)]
    assert cut == [[("a", 4)], [("a", 1), ("b", 1), ("c", 2)], [("c", 2)]]
    assert list(split([], 4)) == []


def test_out_of_memory_halves_the_batch_and_then_asks_to_wait(
    moving: FoundationPoseEstimator, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = {"poses": 2}
    steps = moving.engine.steps
    whole = steps.refined

    def refined(batch: Batch, poses: torch.Tensor, iterations: int) -> torch.Tensor:
        if len(poses) > room["poses"]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return whole(batch, poses, iterations)

    monkeypatch.setattr(steps, "refined", refined)
    monkeypatch.setattr(moving.engine, "room", Room(8))
    group = Group(_scene(moving), moving._jobs["job"]["box"].mesh, 0.18, 5)
    poses = torch.tensor(AT.matrix(), dtype=torch.float32).repeat(5, 1, 1)
    assert moving.engine.refine([group], poses, 1).shape == (5, 4, 4)
    assert moving.engine.room.most == 2
    room["poses"] = 8
    for _ in range(100):
        moving.engine.room.went_well(8)  # rounds of tracking
    moving.engine.refine([group], poses, 1)
    assert moving.engine.room.most == 8
    room["poses"] = 0
    with pytest.raises(Overloaded, match="no memory for one pose on cpu: CUDA out of memory"):
        moving.track([studio().frame(1, {"box": AT})], [{"box": Estimate(AT, 1.0, State.TRACKED)}])


def _scene(made: FoundationPoseEstimator) -> Any:
    return made.engine.scenes([studio().frame(0, {"box": AT})])[0]


def test_bf16_is_close_to_fp32(moving: FoundationPoseEstimator) -> None:
    half = FoundationPoseEstimator(weights(still=False), Device(torch.device("cpu"), torch.bfloat16), threads=0)
    half.prepare(job("box", **BARE))
    frame, prior = studio().frame(1, {"box": AT}), {"box": Estimate(AT, 1.0, State.TRACKED)}
    (one,), (other,) = moving.track([frame], [prior]), half.track([frame], [prior])
    assert one["box"].cam_from_obj is not None
    assert other["box"].cam_from_obj is not None
    angle, distance_m = one["box"].cam_from_obj.distance(other["box"].cam_from_obj)
    assert angle < 0.02  # outputs differ by 0.02 at most: 8 bits of mantissa through 20 layers
    assert distance_m < 0.02 * np.linalg.norm(BOX_M) / 2


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("tpu", "auto"), "device: expected auto, cpu, cuda or cuda:N, got 'tpu'"),
        (("cpu", "int8"), "precision: expected one of auto, fp32, bf16, fp16, got 'int8'"),
        (("cpu", "fp16"), "precision fp16: expected a CUDA device, got the CPU"),
        pytest.param(
            ("cuda", "auto"),
            "device cuda: expected a CUDA GPU, torch finds none; use --device cpu",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA"),
        ),
    ],
)
def test_devices_that_are_not_there_are_named(asked: tuple[str, str], told: str) -> None:
    with pytest.raises(BadJob, match=told):
        Device.named(*asked)


def test_the_registry_loads_it_and_says_what_it_needs(tmp_path: Path) -> None:
    assert names() == ["foundationpose", "gen6d", "geometric"]
    made = load("foundationpose", Resources(weights=weights(still=True), device="cpu", precision="fp32"))
    assert (made.name, len(made.weights_digest)) == ("foundationpose", 64)
    with pytest.raises(BadJob, match="FoundationPose needs weights, and none come with posestream"):
        load("foundationpose", Resources(weights=tmp_path, device="cpu"))
