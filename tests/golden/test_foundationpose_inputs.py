"""Windows, renders and the pairs of pictures that the networks see, against the golden cases."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import grid_sample

from estimators.foundationpose.depth import points_of
from estimators.foundationpose.inputs import Group, refine_inputs, refine_pairs
from estimators.foundationpose.observed import (
    REFINER_NEAREST_M,
    SCORER_NEAREST_M,
    normalised,
    observed_by_scorer,
)
from estimators.foundationpose.rendering import CropRenderer
from estimators.foundationpose.rendering.cpu import NumbaCropRenderer
from estimators.foundationpose.scene import Scene
from estimators.foundationpose.surface import Surface
from estimators.foundationpose.window import crop_from_image, drawn_window, inverse, sampling
from estimators.mesh import Mesh
from tests.golden.foundationpose_golden import blob, case, needs_golden
from tests.unit.foundationpose_renderers import RENDERERS, draw, renderer_or_skip

pytestmark = needs_golden

tensor = torch.from_numpy
CPU = torch.device("cpu")


def number(value: Any) -> torch.Tensor:
    return torch.tensor(float(value), dtype=torch.float64)


@pytest.mark.parametrize("ratio", [1.2, 1.1])
def test_windows(ratio: float) -> None:
    golden = case("crop_window")
    centers = tensor(golden["poses"][:, :3, 3])
    crop = crop_from_image(centers, tensor(golden["K"]), number(golden["mesh_diameter"]), ratio)
    assert np.abs(crop.numpy() - golden[f"tf_{ratio}"]).max() < 1e-4
    assert np.abs(drawn_window(crop).numpy() - golden[f"bbox2d_{ratio}"]).max() < 1e-4


@pytest.mark.parametrize(("name", "size"), [("warp", (40, 40)), ("warp_ties", (20, 20))])
def test_windows_are_read_like_the_references_to_the_bit(name: str, size: tuple[int, int]) -> None:
    golden = case(name)
    crop, image = tensor(golden["M"]), tensor(golden["img"])
    where = sampling(crop, (image.shape[1], image.shape[2]), size)
    images = image.expand(len(crop), -1, -1, -1)
    assert (grid_sample(images, where.grid(), mode="bilinear", align_corners=False).numpy() == golden["bilinear"]).all()
    assert (grid_sample(images, where.grid(), mode="nearest", align_corners=False).numpy() == golden["nearest"]).all()
    columns, rows = where.nearest((image.shape[1], image.shape[2]))
    inside = (rows >= 0)[:, None, :, None] & (columns >= 0)[:, None, None, :]
    picked = image[:, rows.clamp(min=0)[:, :, None], columns.clamp(min=0)[:, None, :]].transpose(0, 1) * inside
    assert (picked.numpy() == golden["nearest"]).all()


@pytest.mark.parametrize(("network", "nearest_m"), [("refine", REFINER_NEAREST_M), ("score", SCORER_NEAREST_M)])
@pytest.mark.parametrize("side", ["A", "B"])
def test_points_are_normalised(network: str, nearest_m: float, side: str) -> None:
    golden = case("xyz_normalise")
    pictures = torch.cat([tensor(golden[f"rgb{side}"]) / 255, tensor(golden[f"xyz{side}"])], dim=1)
    centers = tensor(golden["poseA"][:, :3, 3])
    out = normalised(pictures, centers, number(golden["mesh_diameter"]), nearest_m).numpy()
    assert np.abs(out[:, 3:] - golden[f"{network}_xyz{side}"]).max() < 1e-6
    if side == "A":
        assert np.abs(out[:, :3] - golden["refine_rgbA"]).max() < 1e-6


@pytest.fixture(params=RENDERERS, ids="-".join)
def renderer(request: pytest.FixtureRequest) -> CropRenderer:
    return renderer_or_skip(*request.param)


def test_renders_of_the_blob(renderer: CropRenderer) -> None:
    golden = case("render_blob")
    K, window = tensor(golden["K"]).float().expand(3, 3, 3), tensor(golden["bbox2d"])
    drawn = draw(renderer, blob(), tensor(golden["poses"]), K, window, (160, 160)).numpy()
    wanted = np.concatenate([golden["crop_color"], golden["crop_xyz"]], axis=-1).transpose(0, 3, 1, 2)
    check_picture(drawn[:2], wanted)
    assert drawn[:, 5].sum(axis=(1, 2)) == pytest.approx(golden["crop_depth_sum"], rel=1e-4)


def test_the_blob_in_the_whole_image(renderer: CropRenderer) -> None:
    golden = case("render_blob")
    size = (int(golden["H"]), int(golden["W"]))
    K, window = tensor(golden["K"]).float()[None], torch.tensor([[0.0, 0.0, size[1], size[0]]])
    drawn = draw(renderer, blob(), tensor(golden["poses"][:1]), K, window, size).numpy()
    beside = drawn[0, 3:5].transpose(1, 2, 0)
    wanted = np.concatenate([golden["full_color"], beside, golden["full_depth"][..., None]], axis=-1)
    check_picture(drawn, wanted.transpose(2, 0, 1)[None])


def test_a_loaded_mesh_gives_the_same_surface() -> None:
    mesh = case("mesh_blob")
    made = Surface.of(Mesh.build(mesh["vertices_original"], mesh["faces"], colors=mesh["vertex_colors"]))
    golden = blob()
    assert len(made.vertices_m) == len(golden.vertices_m)
    order, wanted = (np.lexsort(surface.vertices_m.round(5).T) for surface in (made, golden))
    assert np.abs(made.vertices_m[order] - golden.vertices_m[wanted]).max() < 1e-6
    assert np.abs(made.normals[order] - golden.normals[wanted]).max() < 1e-5
    assert (made.painted()[order] == golden.painted()[wanted]).all()
    assert made.diameter_m == pytest.approx(golden.diameter_m, abs=1e-7)
    assert np.abs(made.center_m - mesh["center"]).max() < 1e-7


def check_picture(drawn: np.ndarray, wanted: np.ndarray) -> None:
    """Colour to 1e-3, places to 1e-4 m; 0.5 % of the pixels, at silhouettes, may differ."""
    off = (np.abs(drawn[:, :3] - wanted[:, :3]) > 1e-3).any(axis=1) | (np.abs(drawn[:, 3:] - wanted[:, 3:]) > 1e-4).any(
        1
    )
    assert off.mean() < 0.005


def test_the_refiners_inputs_of_a_scene() -> None:
    golden, scene = case("refine_inputs"), case("scene")
    poses, mesh = tensor(scene["poses"]), blob()
    seen = Scene.of(scene["rgb"], scene["depth_filtered"], scene["K"], CPU)
    group = Group(seen, NumbaCropRenderer().upload(mesh), mesh.diameter_m, len(poses))
    crop = refine_pairs([group], poses, NumbaCropRenderer(), 1.2).crop
    assert np.abs(crop.numpy() - golden["tf_to_crop"]).max() < 1e-4
    for got, name in zip(refine_inputs([group], poses, NumbaCropRenderer(), 1.2), "AB", strict=True):
        off = np.abs(got[:2].numpy() - golden[name])
        assert (off[:, :3] > 1e-3).any(axis=1).mean() < 0.001
        assert (off[:, 3:] > 1e-3).any(axis=1).mean() < 0.02


def test_the_scorers_points_go_into_the_window_back_and_in_again() -> None:
    scene = case("scene")
    poses = tensor(scene["poses"])
    seen = Scene.of(scene["rgb"], scene["depth_filtered"], scene["K"], CPU)
    crop = crop_from_image(poses[:, :3, 3], seen.K, number(scene["diameter"]), 1.1)
    small = (160, 160)
    into, back = sampling(crop, seen.size, small).grid(), sampling(inverse(crop), small, seen.size).grid()
    depth = seen.depth_m.expand(3, 1, -1, -1)
    window = grid_sample(depth, into, mode="nearest", align_corners=False)
    image = grid_sample(window, back, mode="nearest", align_corners=False)[:, 0].numpy()
    points = torch.stack([tensor(points_of(one, scene["K"])).permute(2, 0, 1) for one in image])
    wanted = grid_sample(points, into, mode="nearest", align_corners=False)
    assert (observed_by_scorer(seen, crop)[:, 3:] - wanted).abs().max() < 1e-6
