"""Crops of made scenes are those that inference would make, on whatever device."""

from functools import lru_cache

import numpy as np
import pytest
import torch

from estimators.foundationpose.training.crops import Cropper, Example, make_example, nearest_symmetric
from estimators.foundationpose.training.objects.turns import about_axis
from estimators.foundationpose.training.scene import make_scene


@lru_cache
def examples() -> tuple[Example, ...]:
    return tuple(make_example(seed) for seed in (0, 1, 9))


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
    rendered, observed = made.refine(perfect, poses, 1.2)
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
        first, again = crops(examples(), starts(), 1.2), crops(examples(), starts(), 1.2)
        for one, other in zip(first, again, strict=True):
            assert one.shape == (6, 6, 160, 160)
            assert torch.equal(one, other)
            assert one.isfinite().all()
            assert float(one[:, :3].min()) >= 0
            assert float(one[:, :3].max()) <= 1 + 1e-6  # sampling weights are rounded
            assert float(one[:, 3:].abs().max()) < 2


def test_crops_do_not_depend_on_what_else_is_in_the_batch() -> None:
    made = Cropper(torch.device("cpu"))
    together = made.refine(examples(), starts(), 1.2)
    for k, one in enumerate(examples()):
        alone = made.refine([one], starts()[k : k + 1], 1.2)
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
        Cropper(torch.device("cpu")).refine(examples(), np.zeros((2, 4, 4)), 1.2)
