"""Objects that nothing points at: found among what stands before a wall, shared out where they are equal."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from estimators.geometric import GeometricEstimator
from estimators.geometric.segments import points_of, shrunk
from estimators.geometric.supports import find_planes, supports
from estimators.mesh import load_mesh
from schemas import Estimate, Job, JobObject, Pose, State
from tests.unit.estimators_scene import CAMERA, Studio, pose, write_box

LEFT, RIGHT = pose((20, 30, 10), x_m=-0.13, z_m=0.6), pose((40, -30, 15), x_m=0.12, y_m=0.03, z_m=0.55)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("unmasked")
    return {
        "cube": write_box(folder / "cube.obj", (0.1, 0.1, 0.1), 1),
        "twin": write_box(folder / "twin.obj", (0.1, 0.1, 0.1), 1),
        "carton": write_box(folder / "carton.obj", (0.07, 0.1, 0.14), 2),
    }


@pytest.fixture(scope="module")
def studio(files: dict[str, Path]) -> Studio:
    return Studio({name: load_mesh(path) for name, path in files.items()})


@pytest.fixture(scope="module")
def estimator(files: dict[str, Path]) -> GeometricEstimator:
    made = GeometricEstimator()
    made.prepare(Job("job", tuple(JobObject(name, str(path)) for name, path in files.items())))
    return made


def is_at(found: Estimate, truth: Pose) -> bool:
    if found.cam_from_obj is None:
        return False
    angle_rad, distance_m = found.cam_from_obj.distance(truth)
    return angle_rad < np.radians(3) and distance_m < 0.003


def test_two_objects_are_found_without_a_mask(estimator: GeometricEstimator, studio: Studio) -> None:
    frame = studio.frame(0, {"cube": LEFT, "carton": RIGHT})
    found = estimator.register(frame, ["carton", "cube"])
    assert list(found) == ["carton", "cube"]
    assert is_at(found["cube"], LEFT)
    assert is_at(found["carton"], RIGHT)
    assert all(one.state is State.REGISTERED for one in found.values())
    (after,) = estimator.track([studio.frame(1, {"cube": LEFT, "carton": RIGHT})], [found])
    assert all(one.state is State.TRACKED for one in after.values())


def test_equal_objects_are_not_found_in_the_same_place(estimator: GeometricEstimator, studio: Studio) -> None:
    frame = studio.frame(0, {"cube": LEFT, "twin": RIGHT})
    found = estimator.register(frame, ["cube", "twin"])
    first, second = found["cube"], found["twin"]
    assert (is_at(first, LEFT) and is_at(second, RIGHT)) or (is_at(first, RIGHT) and is_at(second, LEFT))


def test_a_box_of_its_size_with_another_picture_is_not_taken_for_it(
    estimator: GeometricEstimator, tmp_path: Path
) -> None:
    other = Studio({"cube": load_mesh(write_box(tmp_path / "other.obj", (0.1, 0.1, 0.1), 77))})
    found = estimator.register(other.frame(0, {"cube": LEFT}), ["cube"])["cube"]
    assert (found.state, found.cam_from_obj) == (State.LOST, None)
    assert found.reason.startswith("object cube: nothing that stands in the frame has its shape and colours")


def test_what_was_not_found_is_looked_for_again_after_two_seconds(
    estimator: GeometricEstimator, studio: Studio
) -> None:
    lost = estimator.register(studio.frame(0, {}), ["cube"])
    assert lost["cube"].state is State.LOST
    (soon,) = estimator.track([studio.frame(30, {"cube": LEFT})], [lost])
    assert soon["cube"].cam_from_obj is None
    (later,) = estimator.track([studio.frame(61, {"cube": LEFT})], [soon])
    assert is_at(later["cube"], LEFT)


def test_without_depth_a_mask_is_asked_for(estimator: GeometricEstimator, studio: Studio) -> None:
    frame = replace(studio.frame(0, {"cube": LEFT}), depth_m=None)
    lost = estimator.register(frame, ["cube"])["cube"]
    assert lost.reason == "object cube: without depth geometric needs a mask to register it, the frame has none"


def test_a_wall_is_a_support_and_the_side_of_a_box_is_none(studio: Studio) -> None:
    frame = studio.frame(0, {"carton": pose((0, 0, 0), z_m=0.4)}, masks=True)
    assert frame.masks is not None
    assert frame.depth_m is not None
    cam = np.array([CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy])
    points_m = points_of(shrunk(frame.depth_m), cam)
    found = supports(find_planes(points_m), points_m.shape[:2], 0.25)
    front = frame.masks["carton"][2::4, 2::4]
    assert found[front].mean() < 0.05
    assert found[~front].mean() > 0.95


def test_a_box_that_was_drawn_around_it_may_show_more_than_it(estimator: GeometricEstimator, studio: Studio) -> None:
    frame = studio.frame(0, {"cube": LEFT, "carton": RIGHT}, masks=True)
    assert frame.masks is not None
    rows, columns = (np.flatnonzero(frame.masks["cube"].any(axis=axis)) for axis in (1, 0))
    box = np.zeros_like(frame.masks["cube"])
    box[rows[0] - 25 : rows[-1] + 25, columns[0] - 15 : columns[-1] + 40] = True
    found = estimator.register(replace(frame, masks={"cube": box}), ["cube"])["cube"]
    assert is_at(found, LEFT)
