"""Whole steps of FoundationPose on the golden scene, with the recipe's weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from estimators.foundationpose.alone import SCORE_OFFSET, register, track
from estimators.foundationpose.device import Device
from estimators.foundationpose.engine import Engine
from estimators.foundationpose.inputs import Group, score_inputs
from estimators.foundationpose.pose_update import decode
from estimators.foundationpose.scene import Scene
from estimators.foundationpose.weights import load_weights
from tests.golden.foundationpose_golden import CONFIG, blob, case, needs_golden, write_recipe_weights

pytestmark = needs_golden

tensor = torch.from_numpy
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recipe_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module", params=["numba", "warp"])
def engine(weights: Path, request: pytest.FixtureRequest) -> Engine:
    """By torch's operations, and by the kernels that a GPU runs."""
    return Engine(load_weights(weights), Device(CPU, renderer=request.param), threads=0)


def expected_poses() -> np.ndarray:
    """The golden outputs of the network, decoded; decoding itself has its own golden case."""
    golden, scene = case("refine_inputs"), case("scene")
    size_m = torch.tensor(float(scene["diameter"]))
    outputs = tensor(golden["trans"]), tensor(golden["rot"])
    return decode(tensor(scene["poses"]), *outputs, size_m, CONFIG["rot_normalizer"]).numpy()


def test_one_whole_step_of_the_refiner(engine: Engine) -> None:
    scene = case("scene")
    seen = Scene.of(scene["rgb"], scene["depth_filtered"], scene["K"], CPU)
    group = Group(seen, engine.renderer.upload(blob()), float(scene["diameter"]), 3)
    poses = engine.refine([group], tensor(scene["poses"]), 1).numpy()
    assert np.abs(poses - expected_poses()).max() < 1e-4


def test_tracking_from_the_measured_depth_is_that_step(engine: Engine) -> None:
    scene = case("scene")
    for start, wanted in zip(scene["poses"], expected_poses(), strict=True):
        pose = track(engine, blob(), start, scene["rgb"], scene["depth"], scene["K"], iterations=1)
        assert np.abs(pose - wanted).max() < 1e-4


def test_poses_of_several_frames_and_batches_of_any_size_come_to_the_same(engine: Engine) -> None:
    scene = case("scene")
    seen = [Scene.of(scene["rgb"], scene["depth_filtered"], scene["K"], CPU) for _ in range(2)]
    mesh, size_m = engine.renderer.upload(blob()), float(scene["diameter"])
    groups, most = [Group(seen[0], mesh, size_m, 1), Group(seen[1], mesh, size_m, 2)], engine.room.most
    for engine.room.most in (1, 2, most):
        poses = engine.refine(groups, tensor(scene["poses"]), 1).numpy()
        assert np.abs(poses - expected_poses()).max() < 1e-4


def test_a_registration_ranks_every_hypothesis_by_the_scorer(engine: Engine, weights: Path) -> None:
    scene = case("scene")
    flips = np.stack([np.eye(4), *(np.diag([*signs, 1.0]) for signs in ((1, -1, -1), (-1, 1, -1), (-1, -1, 1)))])
    turns = case("view_grid")["sym_cont_z_5deg"]
    symmetries = (flips[:, None] @ turns[None]).reshape(-1, 4, 4)  # few are left: the whole grid takes minutes on a CPU
    poses, scores = register(
        engine, blob(), scene["rgb"], scene["depth"], scene["mask"], scene["K"], symmetries, iterations=1
    )
    assert 6 <= len(poses) <= 16
    assert (np.diff(scores) <= 0).all()
    seen = Scene.of(scene["rgb"], scene["depth_filtered"], scene["K"], CPU)
    group = Group(seen, engine.renderer.upload(blob()), float(scene["diameter"]), len(poses))
    with torch.inference_mode():
        logits = load_weights(weights).scorer(*score_inputs([group], tensor(poses), engine.renderer, 1.1)).numpy()
    assert np.abs(logits + SCORE_OFFSET - scores).max() < 1e-4  # the order of the poses changes nothing


def test_a_mask_without_depth_is_refused(engine: Engine) -> None:
    scene = case("scene")
    with pytest.raises(ValueError, match="mask: expected depth under it, got 0 pixels"):
        register(engine, blob(), scene["rgb"], scene["depth"], np.zeros_like(scene["mask"]), scene["K"])


def test_bf16_stays_within_its_digits(weights: Path) -> None:
    half = Engine(load_weights(weights), Device(CPU, torch.bfloat16), threads=0)
    scene = case("scene")
    pose = track(half, blob(), scene["poses"][0], scene["rgb"], scene["depth"], scene["K"], iterations=1)
    off = np.abs(pose - expected_poses()[0])
    assert off[:3, :3].max() < 0.02  # outputs differ by up to 0.02 of their scale of 1
    assert off[:3, 3].max() < 0.02 * float(scene["diameter"]) / 2


@pytest.mark.gpu
@pytest.mark.parametrize(("precision", "bound"), [(torch.float32, 1e-5), (torch.bfloat16, 0.01), (torch.float16, 1e-3)])
def test_cuda_gives_the_same_step(weights: Path, precision: torch.dtype, bound: float) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    there = Engine(load_weights(weights), Device(torch.device("cuda"), precision))
    scene = case("scene")
    pose = track(there, blob(), scene["poses"][0], scene["rgb"], scene["depth"], scene["K"], iterations=1)
    assert np.abs(pose - expected_poses()[0]).max() < bound
