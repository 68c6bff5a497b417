"""Scenes to learn from: what they promise of their pictures and of the truth in them."""

from functools import lru_cache

import numpy as np
import pytest

from estimators.foundationpose.training.scene import LEAST_PX, SCENES_A_THING, Scene, make_scene
from estimators.rendering import CpuRenderer

SEEDS = (0, 10, 20, 30, 51, 81)


@lru_cache
def scene(seed: int) -> Scene:
    return make_scene(seed)


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, again = make_scene(5), make_scene(5)
    for name in ("rgb", "depth_m", "camera_matrix", "cam_from_obj", "visible", "true_depth_m"):
        assert getattr(first, name).tobytes() == getattr(again, name).tobytes(), name
    assert first.mesh.vertices_m.tobytes() == again.mesh.vertices_m.tobytes()


def test_another_seed_gives_another_picture_of_the_same_thing() -> None:
    first, other, far = make_scene(0), make_scene(1), make_scene(SCENES_A_THING)
    assert first.mesh.name == other.mesh.name
    assert np.array_equal(first.mesh.vertices_m, other.mesh.vertices_m)
    assert not np.array_equal(first.rgb, other.rgb)
    assert not np.array_equal(first.cam_from_obj, other.cam_from_obj)
    assert first.mesh.vertices_m.tobytes() != far.mesh.vertices_m.tobytes()


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_visible_is_what_a_render_at_the_truth_shows(seed: int) -> None:
    made = scene(seed)
    drawn = CpuRenderer().render(made.mesh, made.cam_from_obj[None], made.camera_matrix, made.visible.shape)
    assert made.visible.sum() >= LEAST_PX
    assert (made.silhouette == (drawn.depth_m[0] > 0)).all()
    assert (made.silhouette | ~made.visible).all()
    assert np.array_equal(made.true_depth_m[made.visible], drawn.depth_m[0][made.visible])
    hidden = made.silhouette & ~made.visible
    assert (made.true_depth_m[hidden] <= drawn.depth_m[0][hidden]).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_numbers_are_finite_and_sizes_are_those_of_things_on_tables(seed: int) -> None:
    made = scene(seed)
    assert np.isfinite(made.depth_m).all()
    assert (made.depth_m >= 0).all()
    assert made.rgb.std() > 2
    assert made.mesh.closed
    assert 0.02 <= made.mesh.diameter_m <= 0.6 * np.sqrt(3) + 1e-3
    assert np.allclose(made.mesh.center_m, 0, atol=1e-6)
    turn = made.cam_from_obj[:3, :3]
    assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(turn) > 0


def test_measured_depth_is_near_the_truth_where_there_is_some() -> None:
    for seed in SEEDS:
        made = scene(seed)
        known = made.visible & (made.depth_m > 0)
        if known.sum() > 50:
            error_m = np.abs(made.depth_m[known] - made.true_depth_m[known])
            assert np.median(error_m) < 0.002 + 0.006 * made.cam_from_obj[2, 3] ** 2


def test_a_bad_seed_and_a_tiny_picture_are_told() -> None:
    with pytest.raises(ValueError, match="seed of 0 or above"):
        make_scene(-1)
    with pytest.raises(ValueError, match="64 pixels"):
        make_scene(0, (32, 320))
