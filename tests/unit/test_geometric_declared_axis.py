"""A can whose axis is declared to be one of symmetry, followed over a recording: its turn is nobody's business."""

from dataclasses import dataclass

import numpy as np
import pytest
import trimesh

from estimators.geometric import GeometricEstimator
from estimators.mesh import Mesh, load_mesh
from schemas import Estimate, Job, JobObject, Pose, State, Symmetries
from schemas.arrays import Array
from schemas.job import ContinuousSymmetry
from tests.unit.estimators_scene import Studio, pose

AXIS, THROUGH_M = np.array([0.0, 0.0, 1.0]), np.array([0.02, 0.0, 0.0])
FRAMES = 60


@dataclass(frozen=True, eq=False)
class Followed:
    """What the estimator says of each frame, and where the can was."""

    estimates: list[Estimate]
    truth: list[Pose]


def walk(seq: int) -> Pose:
    """6 mm and 2 degrees a frame, and 4 more about the can's own axis, which nobody can see."""
    spin = Pose(trimesh.transformations.rotation_matrix(np.radians(4 * seq), AXIS)[:3, :3], np.zeros(3))
    return pose((70 + 1.5 * seq, 20 + seq, 0), 0.05 * np.sin(seq / 8), 0.002 * seq - 0.06, 0.55) @ spin


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    path = tmp_path_factory.mktemp("can") / "can.ply"
    can = trimesh.creation.cylinder(0.033, 0.11, sections=64)
    can.apply_translation(THROUGH_M)
    can.visual.vertex_colors = np.tile(np.array([150, 60, 60, 255], np.uint8), (len(can.vertices), 1))
    can.export(path)
    declared = Symmetries(continuous=(ContinuousSymmetry(AXIS, THROUGH_M),))
    job = Job("job", (JobObject("can", str(path), symmetries=declared),))
    estimator = GeometricEstimator()
    estimator.prepare(job)
    mesh: Mesh = load_mesh(path)
    studio, truth = Studio({"can": mesh}), [walk(seq) for seq in range(FRAMES)]
    estimates = [estimator.register(studio.frame(0, {"can": truth[0]}, masks=True), ["can"])]
    for seq in range(1, FRAMES):
        estimates += estimator.track([studio.frame(seq, {"can": truth[seq]})], [estimates[-1]])
    return Followed([one["can"] for one in estimates], truth)


def posed(estimate: Estimate) -> Pose:
    assert estimate.cam_from_obj is not None
    return estimate.cam_from_obj


def unit(vector: Array) -> Array:
    return vector / np.linalg.norm(vector)


def test_the_can_is_followed_but_for_its_turn(followed: Followed) -> None:
    for estimate, truth in zip(followed.estimates[1:], followed.truth[1:], strict=True):
        assert estimate.state is State.TRACKED
        assert estimate.score > 0.5
        at = posed(estimate)
        assert np.linalg.norm(at.apply(THROUGH_M) - truth.apply(THROUGH_M)) < 0.003
        assert abs(unit(at.rotation @ AXIS) @ (truth.rotation @ AXIS)) > np.cos(np.radians(1.5))


def test_the_turn_about_the_axis_does_not_spin(followed: Followed) -> None:
    turns = []
    for before, after in zip(followed.estimates[1:-1], followed.estimates[2:], strict=True):
        step = posed(after).rotation @ posed(before).rotation.T  # camera's axes
        along = posed(after).rotation @ AXIS
        vector = np.array([step[2, 1] - step[1, 2], step[0, 2] - step[2, 0], step[1, 0] - step[0, 1]]) / 2
        turns.append(float(np.degrees(vector @ along)))
    assert abs(np.mean(turns)) < 0.3
    assert np.max(np.abs(turns)) < 1.0


def test_the_covariance_leaves_the_turn_open_and_knows_the_rest(followed: Followed) -> None:
    across = np.array([1.0, 0.0, 0.0])
    for estimate in followed.estimates:
        assert estimate.covariance is not None
        turn = estimate.covariance[:3, :3]
        assert AXIS @ turn @ AXIS > 1.0  # radians squared
        assert across @ turn @ across < np.radians(5.0) ** 2
        # the axis does not pass through the origin: that moves with the turn, the axis itself does not
        arm = np.array(
            [[0.0, -THROUGH_M[2], THROUGH_M[1]], [THROUGH_M[2], 0.0, -THROUGH_M[0]], [-THROUGH_M[1], THROUGH_M[0], 0.0]]
        )
        moved = np.hstack([-arm, np.eye(3)])  # of the place on the axis, by turn and shift
        assert np.sqrt(np.linalg.eigvalsh(moved @ estimate.covariance @ moved.T).max()) < 0.01
