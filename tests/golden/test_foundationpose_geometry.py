"""FoundationPose's geometry against the golden cases, step by step."""

import json

import numpy as np
import pytest
import torch

from estimators.foundationpose.depth import eroded, filtered, guess_translation, points_of, smoothed
from estimators.foundationpose.pose_update import (
    apply_delta,
    decode,
    delta_between,
    exp_so3,
    rotation_of_6d,
    turned_by,
)
from estimators.foundationpose.rendering.projection import projection
from estimators.foundationpose.surface import diameter, smooth_normals
from estimators.foundationpose.symmetry import reference_transforms
from estimators.foundationpose.view_grid import distinct, obj_from_view, view_grid, view_points
from estimators.metrics import pose_errors, stepped_auc
from schemas import Camera, Frame, Pose
from tests.golden.foundationpose_golden import CONFIG, GOLDEN, case, needs_golden
from tests.unit.foundationpose_renderers import renderer_or_skip

pytestmark = needs_golden

tensor = torch.from_numpy


def gap(got: object, wanted: object) -> float:
    return float(np.abs(np.asarray(got, np.float64) - np.asarray(wanted, np.float64)).max())


def test_erosion_is_exact_and_smoothing_close() -> None:
    golden = case("depth_filters")
    assert (eroded(golden["depth"]) == golden["eroded"]).all()
    assert gap(smoothed(golden["eroded"]), golden["bilateral_of_eroded"]) < 1e-5
    assert gap(smoothed(golden["depth"]), golden["bilateral_of_raw"]) < 1e-5


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_gpus_filters_do_the_same(device: str) -> None:
    renderer_or_skip("warp", device)
    from estimators.foundationpose.upload import Uploader

    def there(depth: np.ndarray, device: torch.device) -> torch.Tensor:
        height, width = depth.shape
        camera, rgb = Camera(width, height, 100.0, 100.0, 1.0, 1.0), np.zeros((height, width, 3), np.uint8)
        return Uploader(device)([Frame("job", "run", 0, 0, camera, rgb, depth)])[0].depth_m.cpu()

    for name in ("depth_filters", "scene"):
        depth = case(name)["depth"]
        assert gap(there(depth, torch.device(device)), filtered(depth)) < 1e-6


def test_the_scenes_depth_is_filtered_alike() -> None:
    golden = case("scene")
    for name in ("depth", "depth_nobg"):
        assert gap(filtered(golden[name]), golden[f"{name}_filtered"]) < 1e-5


def test_points_of_depth() -> None:
    golden = case("depth2xyz")
    points = points_of(golden["depth"], golden["K"])
    assert gap(points, golden["xyz_np"]) < 1e-6
    assert gap(points, golden["xyz_torch"]) < 1e-6


@pytest.mark.parametrize("number", range(4))
def test_the_first_translation(number: int) -> None:
    golden = case("guess_translation")
    found = guess_translation(golden[f"depth{number}"], golden[f"mask{number}"], golden["K"])
    assert gap(found, golden[f"center{number}"]) < 1e-6


def test_rotations_of_vectors() -> None:
    golden = case("so3_exp")
    assert gap(exp_so3(tensor(golden["v"])), golden["R"]) < 1e-6
    assert gap(exp_so3(tensor(golden["v"])).mT, golden["R_transposed_used"]) < 1e-6


def test_rotations_of_six_numbers() -> None:
    golden = case("rot6d")
    assert gap(rotation_of_6d(tensor(golden["d6"])), golden["R"]) < 1e-6
    assert gap(turned_by(tensor(golden["d6"]), 0.0), golden["R_transposed_used"]) < 1e-6


def test_what_takes_one_pose_to_another() -> None:
    golden = case("egocentric_delta")
    a, b = tensor(golden["A"]), tensor(golden["B"])
    shift_m, turn = delta_between(a, b)
    assert gap(shift_m, golden["trans_delta"]) < 1e-6
    assert gap(turn, golden["rot_delta"]) < 1e-6
    assert gap(apply_delta(a, shift_m, turn), golden["B_back"]) < 1e-6


def test_one_step_of_the_refiner_is_decoded() -> None:
    golden = case("decode")
    size_m = torch.tensor(float(golden["mesh_diameter"]))
    poses, trans, rot = (tensor(golden[name]) for name in ("poses_in", "trans_raw", "rot_raw"))
    assert gap(decode(poses, trans, rot, size_m, CONFIG["rot_normalizer"]), golden["poses_out"]) < 1e-5
    assert gap(turned_by(rot, CONFIG["rot_normalizer"]), golden["rot_delta"]) < 1e-5
    assert gap(trans * size_m / 2, golden["trans_delta"]) < 1e-5


def test_the_grid_of_views() -> None:
    golden = case("view_grid")
    assert gap(view_points(), golden["icosphere_vertices"]) < 1e-6
    assert gap(obj_from_view(), golden["cam_in_obs"]) < 1e-6
    assert gap(view_grid(), golden["ob_in_cam_252"]) < 1e-6
    assert gap(view_grid()[:, :3, :3], golden["rot_grid_identity"][:, :3, :3]) < 1e-6


@pytest.mark.parametrize("name", ["identity", "z_180", "box_222"])
def test_hypotheses_that_a_symmetry_repeats_are_left_out(name: str) -> None:
    golden = case("view_grid")
    assert (distinct(view_grid(), golden[f"sym_{name}"]) == golden[f"keep_{name}"]).all()


@pytest.mark.parametrize("name", ["cont_z_5deg", "cont_z_and_flip", "z_4fold"])
def test_where_pairs_are_exactly_30_degrees_apart_the_count_is_close(name: str) -> None:
    golden = case("view_grid")
    kept = distinct(view_grid(), golden[f"sym_{name}"])
    assert abs(len(kept) - len(golden[f"keep_{name}"])) <= 4


@pytest.mark.parametrize("name", ["discrete", "cont_z", "cont_neg_y", "cont_x", "none"])
def test_the_references_lists_of_symmetries(name: str) -> None:
    infos = json.loads((GOLDEN / "symmetry_infos.json").read_text())
    assert gap(reference_transforms(infos[name]), case("symmetry_tfs")[name]) < 1e-6


def test_the_projection() -> None:
    golden = case("projection")
    matrix = projection(tensor(golden["K"]), (int(golden["H"]), int(golden["W"])))
    assert gap(matrix, golden["proj"]) < 1e-6


def test_the_diameter_and_the_normals_of_a_mesh() -> None:
    golden, mesh = case("metrics"), case("mesh_blob")
    some = golden["pts"][np.random.RandomState(0).choice(len(golden["pts"]), 50, replace=False)]
    assert diameter(golden["pts"]) == pytest.approx(float(golden["diameter_all"]), abs=1e-9)
    assert diameter(some) == pytest.approx(float(golden["diameter_seed0_n50"]), abs=1e-9)
    assert gap(smooth_normals(mesh["vertices"], mesh["faces"]), mesh["vertex_normals"]) < 1e-6


def test_the_metrics() -> None:
    golden = case("metrics")
    poses = zip(golden["P_pred"], golden["P_gt"], strict=True)
    for k, (estimated, truth) in enumerate(poses):
        errors = pose_errors(golden["pts"], Pose.from_matrix(estimated), Pose.from_matrix(truth))
        assert errors.add_m == pytest.approx(golden["add"][k], abs=1e-9)
        assert errors.add_s_m == pytest.approx(golden["adds"][k], abs=1e-9)
    errors_m = golden["errs"]
    for k, series in enumerate((errors_m, 0.2 * errors_m, errors_m + 0.2)):
        assert stepped_auc(series) == pytest.approx(golden["auc"][k], abs=1e-6)
