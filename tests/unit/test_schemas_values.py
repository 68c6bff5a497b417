"""Values check themselves where they are made; poses obey the laws of rigid transforms."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Box, Camera, Estimate, Frame, Job, JobObject, Pose, Prompt, SeqRange, State

number = st.floats(-10, 10)


def turn(x: float, y: float, z: float) -> np.ndarray:
    """A rotation from a quaternion (1, x, y, z), normalised."""
    w, x, y, z = np.array([1.0, x, y, z]) / math.sqrt(1 + x * x + y * y + z * z)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


poses = st.builds(
    lambda x, y, z, a, b, c: Pose(turn(x, y, z), np.array([a, b, c])), number, number, number, number, number, number
)


@given(poses)
def test_inverse_undoes(cam_from_obj: Pose) -> None:
    angle, distance = (cam_from_obj @ cam_from_obj.inverse()).distance(Pose.identity())
    assert angle < 1e-6
    assert distance < 1e-9


@given(poses, poses, poses)
def test_composition_is_associative_and_acts_on_points(a: Pose, b: Pose, c: Pose) -> None:
    angle, distance = ((a @ b) @ c).distance(a @ (b @ c))
    assert angle < 1e-6
    assert distance < 1e-9
    point = np.array([0.3, -0.2, 0.9])
    assert (a @ b).apply(point) == pytest.approx(a.apply(b.apply(point)), abs=1e-9)


@given(poses, poses)
def test_distance_is_symmetric_and_bounded(a: Pose, b: Pose) -> None:
    angle, distance = a.distance(b)
    assert 0 <= angle <= math.pi
    assert b.distance(a) == pytest.approx((angle, distance), abs=1e-9)


@pytest.mark.parametrize("degrees", [0.0, 1e-4, 1.0, 90.0, 179.9, 180.0])
def test_distance_is_the_angle_of_a_turn(degrees: float) -> None:
    angle = math.radians(degrees)
    rotation = np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
    found, shift = Pose(rotation, np.array([0, 3, 4])).distance(Pose.identity())
    assert math.degrees(found) == pytest.approx(degrees, abs=1e-6)
    assert shift == 5


def test_a_matrix_goes_there_and_back() -> None:
    pose = Pose(turn(0.3, -0.2, 0.1), np.array([1, 2, 3]))
    assert (Pose.from_matrix(pose.matrix()).matrix() == pose.matrix()).all()


def test_projection_by_hand() -> None:
    camera = Camera(640, 480, 600, 500, 320, 240)
    assert camera.project(np.array([0.1, -0.2, 2.0])).tolist() == [350.0, 190.0]
    with pytest.raises(ValueError, match="expected z above 0 m, got -1 m"):
        camera.project(np.array([[0, 0, 1.0], [0, 0, -1.0]]))


def test_arrays_of_a_value_cannot_be_written_through() -> None:
    frame = Frame("j", "r", 0, 0, Camera(4, 3, 1, 1, 0, 0), np.zeros((3, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        frame.rgb[0, 0, 0] = 1


CAMERA = Camera(4, 3, 1, 1, 0, 0)
RGB = np.zeros((3, 4, 3), np.uint8)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Pose(np.eye(3) * 2, np.zeros(3)), "rotation: expected an orthonormal matrix"),
        (lambda: Pose(np.diag([1, 1, -1.0]), np.zeros(3)), "rotation: expected an orthonormal matrix"),
        (lambda: Pose(np.eye(3), np.array([0, np.nan, 0])), "translation_m: expected finite numbers"),
        (lambda: Camera(0, 480, 1, 1, 0, 0), "expected a size from 1 to 16384 px a side, got 0x480"),
        (lambda: Camera(640, 480, math.nan, 1, 0, 0), "expected finite intrinsics"),
        (lambda: Camera(640, 480, -1, 1, 0, 0), "expected focal lengths above 0 px"),
        (lambda: Frame("", "r", 0, 0, CAMERA, RGB), "expected a job_id, a run_id and seq >= 0"),
        (lambda: Frame("j", "r", 0, 0, CAMERA, RGB[:2]), r"rgb: expected shape \(3, 4, 3\), got \(2, 4, 3\)"),
        (lambda: Frame("j", "r", 0, 0, CAMERA, RGB * 1.0), "rgb: expected uint8, got float64"),
        (lambda: Frame("j", "r", 0, 0, CAMERA, RGB, None, {"a": RGB[..., 0] > 0, "b": RGB > 0}), "mask of b: expected"),
        (lambda: Job("a b", ()), "job id: expected letters, digits"),
        (lambda: Job("a", (JobObject("x", "m"), JobObject("x", "m"))), "expected object ids that differ"),
        (lambda: JobObject("x", "m", 0.0), "expected a model_uri and a unit above 0"),
        (lambda: Estimate(None, 0.0, State.TRACKED), "expected a pose in state tracked, got none"),
        (lambda: Estimate(None, 1.5, State.LOST), "score: expected 0 to 1, got 1.5"),
        (lambda: Estimate(None, 0, State.LOST, memory=bytes(70000)), "memory: expected at most 65536 bytes, got 70000"),
        (lambda: Estimate(None, 0, State.LOST, np.eye(3)), r"covariance: expected shape \(6, 6\)"),
        (lambda: SeqRange(3, 2), "expected 0 <= first <= last, got 3 to 2"),
        (lambda: Box(0, 0, 0, 5), "box: expected a size above 0 px"),
        (lambda: Prompt("j", "", "mug"), "expected exactly one of box, mask and reset"),
        (lambda: Prompt("j", "", "mug", Box(0, 0, 1, 1), reset=True), "expected exactly one of box, mask and reset"),
    ],
)
def test_a_wrong_value_is_named(make: object, reason: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=reason):
        make()
