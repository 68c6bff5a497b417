"""Gen6D's networks against the golden cases: keys, the recipe's weights, outputs and what lies between."""

import json
from typing import Any

import numpy as np
import pytest
import torch

from estimators.gen6d.backbone import picture_tensor
from estimators.gen6d.detector import SCALES_LOG2, decode, resized_to
from estimators.gen6d.geometry import camera_position
from estimators.gen6d.selector import plain_likeness, view_directions
from tests.golden.gen6d_golden import GAIN, GOLDEN, NETWORKS, case, needs_golden, network, shapes_of

pytestmark = needs_golden


def apart(tensor: Any, golden: Any) -> float:
    """Largest difference between two arrays of one shape."""
    value = np.asarray(tensor)
    assert value.shape == golden.shape
    return float(np.abs(value - golden).max())


def pictures(array: Any) -> torch.Tensor:
    return picture_tensor(torch.from_numpy(array))


@pytest.mark.parametrize("name", NETWORKS)
def test_keys_and_shapes_are_those_of_the_published_checkpoints(name: str) -> None:
    assert {key: tuple(value.shape) for key, value in network(name).state_dict().items()} == shapes_of(name)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_recipe_gives_the_weights_of_the_golden_cases(name: str) -> None:
    assert json.loads((GOLDEN / "weights_recipe.json").read_text())["gain"] == GAIN
    checks = json.loads((GOLDEN / "weight_checksums.json").read_text())[name]
    state = network(name).state_dict()
    assert set(state) == set(checks)
    for key, value in state.items():
        got = value.double().numpy()
        assert [got.sum(), (got**2).sum()] == pytest.approx(checks[key], rel=1e-6, abs=1e-6), key


def test_the_backbone_gives_the_golden_features_the_third_without_relu() -> None:
    golden = case("backbone")
    images = pictures(golden["imgs_u8_nhwc"])
    with torch.inference_mode():
        detector = network("detector").backbone(images)
        refiner = network("refiner").feature_net.backbone(images)
    for got, name in zip(
        (*detector[1:], *refiner[:3]), ("det_x0", "det_x1", "det_x2", "ref_f4", "ref_f8", "ref_f16"), strict=True
    ):
        assert apart(got, golden[name]) < 1e-4, name
    assert float(detector[2].min()) < -0.1  # no ReLU
    assert float(detector[3].min()) < -0.1  # pooled from what had none


def test_the_detector_gives_the_golden_kernels_volumes_and_heads() -> None:
    golden, detector = case("detector"), network("detector")
    with torch.inference_mode():
        kernels = detector.kernels(pictures(golden["ref_u8"]))
        for level, kernel in enumerate(kernels):
            assert apart(kernel[:, ::16], golden[f"ref_feat{level}_sub16"]) < 1e-4
        images = pictures(golden["que_u8"])
        for index, scale in enumerate(SCALES_LOG2):
            got = detector.correlations(images, kernels, scale)
            assert apart(got, golden[f"a_scores_scale{index}"]) < 1e-4
        for picture, name in (("que_u8", "a"), ("que_odd_u8", "odd")):
            images = pictures(golden[picture])
            assert [list(resized_to(*images.shape[2:], scale)) for scale in SCALES_LOG2] == golden[
                f"{name}_sizes_hw"
            ].tolist()
            assert apart(detector.volume(images, kernels), golden[f"{name}_score_volume"]) < 1e-4
            heads = detector(images, kernels)
            found = decode(heads)
            for got, wanted in zip(heads, ("scores", "select_pr_offset", "select_pr_scale"), strict=True):
                assert apart(got, golden[f"{name}_{wanted}"]) < 1e-4
            places = np.array([(one.x_px, one.y_px) for one in found])
            assert apart(places, golden[f"{name}_positions"]) < 1e-3
            assert apart(np.array([one.scale_r2q for one in found]), golden[f"{name}_scales"]) < 1e-4


def test_the_selector_gives_the_golden_logits_angles_and_intermediates() -> None:
    golden, selector = case("selector"), network("selector")
    turned = golden["ref_u8_an_rfn"].swapaxes(0, 1)  # here the turns of a view lie side by side
    positions = camera_position(golden["ref_poses"]) - golden["object_center"]
    with torch.inference_mode():
        views = selector.features(pictures(turned.reshape(-1, 128, 128, 3)))
        for level, view in enumerate(views):
            got = view.unflatten(0, (6, 5)).transpose(0, 1)[:, :, ::64]
            assert apart(got, golden[f"ref_feat{level}_sub64"]) < 1e-4
        embedding = selector.embedding(torch.from_numpy(view_directions(positions, golden["object_vert"])))
        assert apart(embedding.T, golden["ref_pose_embed"]) < 1e-5
        crops = selector.features(pictures(golden["que_u8"]))
        features = selector.likeness(crops, views)
        answer = selector(pictures(golden["que_u8"]), views, embedding)
        mixed = selector.score_process(features).amax(dim=3)
        message = selector.atts[0](mixed + embedding)
    assert apart(features[:, :512].flatten(2), golden["corr_feats"]) < 2e-3
    assert apart(features[:, 512:], golden["vps_norm"]) < 1e-4
    assert apart(features.transpose(2, 3).flatten(1, 2)[:, ::25], golden["angle_in_sub25"]) < 2e-3
    assert apart(mixed, golden["score_process_max"]) < 2e-3
    assert apart(message, golden["att0_out"]) < 2e-3
    assert apart(answer.logits, golden["logits"]) < 2e-3
    assert apart(answer.angles, golden["angles_all"]) < 1e-4
    assert answer.logits.argmax(dim=1).tolist() == golden["ref_idx"].tolist()


def test_the_plain_likeness_is_the_golden_one() -> None:
    golden, selector = case("selector"), network("selector")
    turned = golden["ref_u8_an_rfn"].swapaxes(0, 1).reshape(-1, 128, 128, 3)
    with torch.inference_mode():
        views = selector.features(pictures(turned))
        crops = selector.features(pictures(golden["que_u8"]))
        raw = [
            plain_likeness(crop[:, :, None] * view.movedim(0, 1)[None]) for crop, view in zip(crops, views, strict=True)
        ]
    assert apart(torch.stack(raw, dim=1).unflatten(2, (6, 5)), golden["vps_raw"]) < 1e-2  # of sums of 256 cosines
