"""Crops of made scenes are those that inference would make, on whatever device."""

import pickle
from functools import lru_cache

import numpy as np
import pytest
import torch

from estimators.foundationpose.training.crops import Cropper
from estimators.foundationpose.training.example import Example, make_example, nearest_symmetric
from estimators.foundationpose.training.objects.turns import about_axis
from estimators.foundationpose.training.overdrawn import observed_window
from estimators.foundationpose.training.refiner_task import RefinerTask
from estimators.foundationpose.training.scene import make_scene
from estimators.foundationpose.training.shipment import Shipment
from estimators.foundationpose.window import crop_from_image, sampling
from estimators.training.task import FIRST_TRAINING_SEED


@lru_cache
def examples() -> tuple[Example, ...]:
    return tuple(make_example(seed) for seed in (0, 1, 9))


def shipment() -> Shipment:
    return Shipment.of(examples())


def starts() -> np.ndarray:
    poses = np.stack([[one.cam_from_obj] * 2 for one in examples()])
    poses[:, 1, :3, 3] += 0.1 * examples()[0].surface.diameter_m
    return poses


def test_at_the_true_pose_the_rendered_points_are_those_observed() -> None:
    made = Cropper(torch.device("cpu"))
    scenes = [make_scene(seed) for seed in range(0, 24, 4)]
    perfect = [Example.of(one) for one in scenes if one.sensor == "perfect" or one.silhouette.sum() > 2000]
    assert perfect
    poses = np.stack([one.cam_from_obj for one in perfect])[:, None]
    rendered, observed = made.refine(Shipment.of(perfect), poses, 1.2)
    assert rendered.shape == observed.shape == (len(perfect), 6, 160, 160)
    both = (rendered[:, 5:] != 0) & (observed[:, 5:] != 0)
    gap = (rendered[:, 3:] - observed[:, 3:]).abs().amax(dim=1, keepdim=True)
    for k, one in enumerate(perfect):
        noise = 0.01 + 0.006 * float(one.cam_from_obj[2, 3]) ** 2 / one.surface.diameter_m * 2
        assert both[k].sum() > 100
        assert float(gap[k][both[k]].median()) < 0.03 + noise


def test_crops_are_finite_and_the_same_again() -> None:
    made = Cropper(torch.device("cpu"))
    for crops in (made.refine, made.score):
        first, again = crops(shipment(), starts(), 1.2), crops(shipment(), starts(), 1.2)
        for one, other in zip(first, again, strict=True):
            assert one.shape == (6, 6, 160, 160)
            assert torch.equal(one, other)
            assert one.isfinite().all()
            assert float(one[:, :3].min()) >= 0
            assert float(one[:, :3].max()) <= 1 + 1e-6  # sampling weights are rounded
            assert float(one[:, 3:].abs().max()) < 2


def test_crops_do_not_depend_on_what_else_is_in_the_batch() -> None:
    made = Cropper(torch.device("cpu"))
    together = made.refine(shipment(), starts(), 1.2)
    for k, one in enumerate(examples()):
        alone = made.refine(Shipment.of([one]), starts()[k : k + 1], 1.2)
        assert torch.equal(alone[0], together[0][2 * k : 2 * k + 2])
        assert torch.equal(alone[1], together[1][2 * k : 2 * k + 2])


def test_the_nearest_of_equal_poses_is_chosen() -> None:
    symmetries = np.tile(np.eye(4), (360, 1, 1))
    symmetries[:, :3, :3] = about_axis()
    true, turned = np.eye(4), np.tile(np.eye(4), (3, 1, 1))
    true[2, 3] = 1.0
    for k, degrees in enumerate((0, 77, 181)):
        turned[k, :3, :3] = about_axis()[degrees]
    nearest = nearest_symmetric(true, symmetries, turned)
    assert np.allclose(nearest[:, :3, :3], turned[:, :3, :3], atol=1e-12)
    assert np.allclose(nearest[:, :3, 3], [0, 0, 1])


def test_starts_of_another_shape_are_told() -> None:
    with pytest.raises(ValueError, match=r"starts: expected shape \(3, any, 4, 4\), got \(2, 4, 4\)"):
        Cropper(torch.device("cpu")).refine(shipment(), np.zeros((2, 4, 4)), 1.2)


def test_kernels_of_a_gpu_make_the_same_crops_of_what_was_shipped() -> None:
    """Warp's kernels, which read the shipment where it lies, beside those that a CPU uses."""
    pytest.importorskip("warp")
    by_numba, by_warp = Cropper(torch.device("cpu")), Cropper(torch.device("cpu"), "warp")
    for name in ("refine", "score"):
        for one, other in zip(
            getattr(by_numba, name)(shipment(), starts(), 1.2),
            getattr(by_warp, name)(shipment(), starts(), 1.2),
            strict=True,
        ):
            assert one.shape == other.shape
            assert float((one - other).abs().gt(0.01).float().mean()) < 0.002  # pixels on edges may fall otherwise


def test_a_shipment_goes_between_processes_with_all_that_was_in_it() -> None:
    sent = pickle.loads(pickle.dumps(shipment()))  # noqa: S301 - our own
    for one, content in zip(examples(), sent.contents, strict=True):
        parts = sent.parts(content)
        assert np.array_equal(parts.rgb.numpy(), one.rgb)
        assert np.array_equal(parts.depth_m.numpy(), one.depth_m)
        assert np.array_equal(parts.faces.numpy(), one.surface.faces)
        assert (parts.texture is None) == (one.surface.texture is None)
        assert content.diameter_m == one.surface.diameter_m


def test_an_object_that_is_drawn_over_a_scene_is_where_it_is_looked_for() -> None:
    """At the pose that is drawn, rendered and observed points are the same but for the noise that was put on them."""
    made, one = Cropper(torch.device("cpu")), examples()[0]
    drawn = np.stack([one.elsewhere(np.random.default_rng(k)) for k in range(8)])[None]
    rendered, observed = made.refine_overdrawn(Shipment.of([one]), drawn, drawn, 1.2, seed=3)
    both = (rendered[:, 5] != 0) & (observed[:, 5] != 0)
    gap = (rendered[:, 3:] - observed[:, 3:]).abs().amax(dim=1)
    assert float(torch.stack([gap[k][both[k]].median() for k in range(8)]).max()) < 0.1
    again = made.refine_overdrawn(Shipment.of([one]), drawn, drawn, 1.2, seed=3)
    other = made.refine_overdrawn(Shipment.of([one]), drawn, drawn, 1.2, seed=4)
    assert torch.equal(observed, again[1])
    assert not torch.equal(observed, other[1])


def test_a_window_is_drawn_where_the_image_is_read() -> None:
    """A picture whose colours are its own pixels' places says where each pixel of a crop was read."""
    one = examples()[0]
    height, width = one.depth_m.shape
    crop = crop_from_image(
        torch.tensor([[0.01, -0.02, 0.8]]), torch.tensor(one.camera_matrix), torch.tensor(0.1).double(), 1.2
    )
    place = sampling(crop, (height, width), (160, 160))
    left, top, right, bottom = observed_window(crop, (height, width))[0].tolist()
    centres = (torch.arange(160) + 0.5) / 160
    assert torch.allclose(((place.x[0] + 1) * width - 1) / 2, left + (right - left) * centres, atol=1e-3)
    assert torch.allclose(((place.y[0] + 1) * height - 1) / 2, top + (bottom - top) * centres, atol=1e-3)


def test_scenes_that_validate_are_as_they_were_made() -> None:
    task = RefinerTask(scenes=1, poses=4)
    assert task.batch(0)["drawn"].shape == (1, 0, 4, 4)
    assert task.batch(FIRST_TRAINING_SEED)["drawn"].shape == (1, 2, 4, 4)
