from pathlib import Path

import numpy as np
import pytest
import trimesh

from estimators.mesh import Mesh
from estimators.metrics import auc, is_inside, model_points, pose_errors, separation
from schemas import Pose
from schemas.arrays import Array

GOLDEN = Path(__file__).parents[3] / "shared" / "facts" / "foundationpose" / "golden" / "metrics.npz"
POINTS = np.random.default_rng(1).uniform(-0.1, 0.1, (300, 3))


def turn_z(angle: float, shift: tuple[float, float, float] = (0, 0, 0)) -> Pose:
    return Pose(trimesh.transformations.rotation_matrix(angle, [0, 0, 1])[:3, :3], np.array(shift))


def test_the_truth_has_no_error() -> None:
    errors = pose_errors(POINTS, turn_z(0.3), turn_z(0.3))
    assert errors.add_m == errors.add_s_m == errors.translation_m == 0.0
    assert errors.rotation_rad < 1e-9


def test_a_shift_costs_its_length_in_add_and_at_most_that_in_add_s() -> None:
    errors = pose_errors(POINTS, turn_z(0.3, (0.03, 0, 0.04)), turn_z(0.3))
    assert errors.add_m == pytest.approx(0.05)
    assert errors.translation_m == pytest.approx(0.05)
    assert 0 < errors.add_s_m < 0.05


def test_add_s_forgives_a_quarter_turn_of_a_square_and_add_does_not() -> None:
    square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) * 0.1
    errors = pose_errors(square, turn_z(np.pi / 2), turn_z(0.0))
    assert errors.add_s_m < 1e-12
    assert errors.add_m == pytest.approx(0.2)
    assert errors.rotation_rad == pytest.approx(np.pi / 2)


def test_the_area_is_the_mean_of_what_is_left_of_ten_centimetres() -> None:
    assert auc(np.array([0.0, 0.05, 0.1, np.inf])) == pytest.approx((1 + 0.5 + 0 + 0) / 4)


@pytest.mark.parametrize("errors", [np.array([]), np.array([0.1, np.nan])])
def test_an_area_of_nothing_is_refused(errors: Array) -> None:
    with pytest.raises(ValueError, match="errors"):
        auc(errors)


def test_the_separation_counts_pairs_of_a_good_and_a_lost_frame_in_the_right_order() -> None:
    lost = np.array([True, True, False, False])
    assert separation(np.array([0.1, 0.2, 0.8, 0.9]), lost) == 1.0
    assert separation(np.array([0.9, 0.8, 0.2, 0.1]), lost) == 0.0
    assert separation(np.array([0.1, 0.5, 0.5, 0.9]), lost) == pytest.approx((3 + 0.5) / 4)  # a tie is half a pair
    assert np.isnan(separation(np.array([0.1, 0.2]), np.array([False, False])))


def test_a_truth_is_inside_the_ellipsoid_as_far_as_the_covariance_reaches_along_the_objects_axes() -> None:
    covariance = np.diag([0.1, 0.01, 0.01, 1e-3, 1e-3, 1e-4]) ** 2
    estimate = turn_z(0.4, (0.1, 0.2, 0.5))
    for error, inside in ((3.5e-3, True), (3.6e-3, False)):  # the limit lies at the root of 12.59, 3.55 sigma
        assert is_inside(estimate, covariance, estimate @ Pose(np.eye(3), np.array([0, error, 0]))) is inside
    turned = trimesh.transformations.rotation_matrix(0.3, [1, 0, 0])[:3, :3]
    assert is_inside(estimate, covariance, estimate @ Pose(turned, np.zeros(3)))
    assert not is_inside(estimate, covariance, estimate @ turn_z(0.3))


def test_model_points_are_different_places_and_always_the_same() -> None:
    ball = trimesh.creation.icosphere(subdivisions=5, radius=0.1)
    points = model_points(Mesh.build(ball.vertices, ball.faces))
    assert points.shape == (4000, 3)
    assert len(np.unique(points, axis=0)) == 4000
    assert (points == model_points(Mesh.build(ball.vertices, ball.faces))).all()


@pytest.mark.skipif(not GOLDEN.exists(), reason="needs ../shared/facts")
def test_add_and_add_s_equal_the_golden_ones() -> None:
    golden = np.load(GOLDEN)
    for k, (estimated, truth) in enumerate(zip(golden["P_pred"], golden["P_gt"], strict=True)):
        errors = pose_errors(golden["pts"], Pose.from_matrix(estimated), Pose.from_matrix(truth))
        assert errors.add_m == pytest.approx(golden["add"][k], abs=1e-9)
        assert errors.add_s_m == pytest.approx(golden["adds"][k], abs=1e-9)
