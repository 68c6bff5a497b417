"""One suite for what makes the networks' inputs: warp's kernels, on CUDA and on the CPU, against torch's operations."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh

from estimators.foundationpose.batch import Batch, TorchBatch
from estimators.foundationpose.fused import PACKED
from estimators.foundationpose.inputs import Group
from estimators.foundationpose.rendering.cpu import NumbaCropRenderer
from estimators.foundationpose.rendering.warp import WarpCropRenderer
from estimators.foundationpose.rendering.warp_batch import WarpBatch
from estimators.foundationpose.scene import scenes_on_cpu
from estimators.foundationpose.surface import Surface
from estimators.foundationpose.upload import Uploader
from estimators.mesh import Mesh
from schemas import Camera, Frame

CPU = torch.device("cpu")
RATIOS = (1.2, 1.1)
SIZES = [(120, 160), (96, 131)]


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> torch.device:
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    return torch.device(request.param)


def surfaces() -> list[Surface]:
    """One with colours at its corners, one with a texture, one of large faces."""
    random = np.random.default_rng(0)
    ball = trimesh.creation.icosphere(subdivisions=2, radius=0.05)
    colors = random.integers(0, 255, (len(ball.vertices), 3), np.uint8)
    tube = trimesh.creation.cylinder(radius=0.04, height=0.1, sections=24)
    uv = random.random((len(tube.vertices), 2)).astype(np.float32)
    texture = random.integers(0, 255, (16, 24, 3), np.uint8)
    box = trimesh.creation.box((0.06, 0.1, 0.14))
    return [
        Surface.of(Mesh.build(ball.vertices, ball.faces, colors=colors)),
        Surface.of(Mesh.build(tube.vertices, tube.faces, uv=uv, texture=texture)),
        Surface.of(Mesh.build(box.vertices, box.faces)),
    ]


def frames() -> list[Frame]:
    """Two cameras of different sizes that see a slope with holes."""
    random = np.random.default_rng(1)
    out: list[Frame] = []
    for seq, (height, width) in enumerate(SIZES):
        camera = Camera(width, height, 130.0 + seq, 128.0, width / 2 - 0.3, height / 2 + 0.4)
        depth_m = np.linspace(0.4, 0.7, height * width, dtype=np.float32).reshape(height, width)
        depth_m[random.random(depth_m.shape) < 0.1] = 0
        rgb = random.integers(0, 255, (height, width, 3), np.uint8)
        out.append(Frame("job", "run", seq, 0, camera, rgb, depth_m))
    return out


def poses() -> torch.Tensor:
    """Of objects in view, partly out of it, and far away."""
    rotations = trimesh.transformations.random_rotation_matrix
    out = np.stack([rotations(np.random.default_rng(k).random(3)) for k in range(6)])
    out[:, :3, 3] = [(0, 0, 0.5), (0.1, 0.02, 0.55), (-0.25, 0.1, 0.6), (0, -0.1, 0.4), (0.05, 0, 3.0), (0, 0, 0.09)]
    return torch.tensor(out, dtype=torch.float32)


def batches(device: torch.device, dtype: torch.dtype = torch.float32) -> tuple[Batch, Batch]:
    """The same poses for torch on the CPU and for warp."""
    seen, there = scenes_on_cpu(frames()), Uploader(device)(frames())
    slow, fast = NumbaCropRenderer(), WarpCropRenderer(device)
    parts = list(zip(surfaces(), (2, 1, 3), (0, 1, 1), strict=True))
    here = [Group(seen[k], slow.upload(one), one.diameter_m, count) for one, count, k in parts]
    other = [Group(there[k], fast.upload(one), one.diameter_m, count) for one, count, k in parts]
    return TorchBatch(here, slow, RATIOS, dtype), WarpBatch.of(other, device, RATIOS, dtype)


def share_apart(one: torch.Tensor, other: torch.Tensor, by: float) -> float:
    return float(((one.float() - other.float()).abs() > by).float().mean())


@pytest.mark.parametrize("network", ["refine_input", "score_input"])
def test_inputs_are_those_of_torch(device: torch.device, network: str) -> None:
    slow, fast = batches(device)
    with torch.inference_mode():
        wanted = getattr(slow, network)(poses())
        got = getattr(fast, network)(poses().to(device)).cpu()
    assert got.shape == (12, *PACKED)
    assert wanted[:6].any()
    assert wanted[6:].any()
    assert share_apart(got, wanted, 1e-3) < 3e-3  # pixels on a silhouette, or as near to one pixel as to another


def test_a_second_call_does_not_see_the_first(device: torch.device) -> None:
    """The memory of pictures is kept; what is not drawn at the second poses must be gone."""
    _, fast = batches(device)
    _, fresh = batches(device)
    with torch.inference_mode():
        fast.score_input(poses().to(device))
        away = poses().flip(0).to(device)
        assert (fast.refine_input(away) == fresh.refine_input(away)).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_the_digits_are_rounded_once(device: torch.device, dtype: torch.dtype) -> None:
    with torch.inference_mode():
        exact = batches(device)[1].refine_input(poses().to(device)).cpu()
        half = batches(device, dtype)[1].refine_input(poses().to(device)).cpu()
    assert half.dtype is dtype
    assert (half == exact.to(dtype)).all()


def test_agreement_is_that_of_torch(device: torch.device) -> None:
    slow, fast = batches(device)
    with torch.inference_mode():
        wanted, got = slow.agreement(poses()), fast.agreement(poses().to(device)).cpu()
    assert wanted.max() > 0
    assert (got - wanted).abs().max() < 2e-3


def test_frames_arrive_as_they_are_with_their_depth_filtered(device: torch.device) -> None:
    given = frames()
    assert given[0].depth_m is not None
    broken = given[0].depth_m.copy()
    broken[5, 5:9] = np.nan, np.inf, -np.inf, -1.0
    given[0] = replace(given[0], depth_m=broken)
    upload = Uploader(device)
    for _ in range(2):  # memory is used again
        for got, wanted in zip(upload(given), scenes_on_cpu(given), strict=True):
            assert (got.pixels.cpu() == wanted.pixels).all()
            assert (got.depth_m.cpu() - wanted.depth_m).abs().max() < 1e-6
            assert (got.camera == wanted.camera).all()
    assert upload([]) == []


def test_a_row_without_faces_shows_nothing(device: torch.device) -> None:
    from estimators.foundationpose.rendering.tables import Tables, packed
    from estimators.foundationpose.rendering.warp_batch import rows_of

    renderer, one = WarpCropRenderer(device), surfaces()[2]
    scene = Uploader(device)(frames()[:1])[0]
    row = rows_of([Group(scene, renderer.upload(one), one.diameter_m, 1)])[0].without_faces()
    batch = WarpBatch(Tables(torch.tensor(packed([row]), device=device), 1), 256, RATIOS, torch.float32)
    with torch.inference_mode():
        drawn, seen = batch.refine_input(poses()[:1].to(device)).cpu()
        assert not drawn.any()
        assert seen.any()
        assert batch.agreement(poses()[:1].to(device)).item() == 0
