"""Objects that cannot be used, or are not found: a clear error for each, by both estimators, and the others go on."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import trimesh

from estimators.base import Estimator
from estimators.foundationpose import starts
from estimators.geometric import GeometricEstimator
from estimators.mesh import load_mesh
from estimators.usable import usable
from schemas import BadJob, ContinuousSymmetry, Frame, Job, JobObject, State, Symmetries
from tests.unit.estimators_scene import CAMERA, Studio, pose
from tests.unit.foundationpose_world import box, estimator, folder

AT = pose((20, 30, 0), x_m=-0.08, z_m=0.5)
MIRROR = np.diag([1.0, 1.0, -1.0, 1.0])


@lru_cache
def geometric() -> GeometricEstimator:
    return GeometricEstimator()


@pytest.fixture(params=["geometric", "foundationpose"])
def made(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Estimator]:
    monkeypatch.setattr(starts, "SURVIVORS", 1)  # each costs three forwards of a network
    one: Estimator = geometric() if request.param == "geometric" else estimator(still=True)
    yield one
    one.release("job")


@lru_cache
def bad_mesh(name: str) -> JobObject:
    path = folder() / name
    if name == "mm.ply":
        trimesh.creation.box((60, 100, 140)).export(path)
    elif name == "points.ply":
        trimesh.PointCloud(np.random.default_rng(0).random((10, 3))).export(path)
    elif name == "nan.obj":
        path.write_text("v 0 0 nan\nv 0.1 0 0\nv 0 0.1 0\nf 1 2 3\n")
    return JobObject("bad", str(path))


def symmetric(matrix: np.ndarray | None = None, axis: tuple[float, float, float] | None = None) -> JobObject:
    discrete = () if matrix is None else (matrix,)
    continuous = () if axis is None else (ContinuousSymmetry(np.array(axis), np.zeros(3)),)
    return JobObject("bad", str(box()), symmetries=Symmetries(discrete, continuous))


BAD: dict[str, tuple[Callable[[], JobObject], str]] = {
    "without faces": (lambda: bad_mesh("points.ply"), "points.ply: expected faces over its 0 vertices, got 0 faces"),
    "in millimetres": (lambda: bad_mesh("mm.ply"), "it looks like millimetres: set model_unit_m=0.001"),
    "with NaN": (lambda: bad_mesh("nan.obj"), "nan.obj: vertices of nan.obj: expected finite"),
    "missing": (lambda: bad_mesh("none.ply"), "none.ply: expected a readable file, got No such file"),
    "mirrored": (lambda: symmetric(MIRROR), "expected a discrete symmetry that is a rotation, got [[1.0"),
    "scaled": (lambda: symmetric(np.diag([2.0, 1.0, 1.0, 1.0])), "off by 3, determinant 2"),
    "all zero": (lambda: symmetric(np.zeros((4, 4))), "off by 1, determinant 0"),
    "no axis": (lambda: symmetric(axis=(0.0, 0.0, 0.0)), "expected an axis of symmetry, got [0.0, 0.0, 0.0]"),
}


@lru_cache
def studio() -> Studio:
    return Studio({"box": load_mesh(box()), "bad": load_mesh(box())})


@pytest.mark.parametrize("kind", list(BAD))
def test_an_object_that_cannot_be_used_is_refused_and_the_other_one_is_found(made: Estimator, kind: str) -> None:
    make, told = BAD[kind]
    good = JobObject("box", str(box()))
    refused = made.prepare(Job("job", (make(), good), estimator=made.name))
    assert list(refused) == ["bad"]
    assert refused["bad"].startswith("object bad: ")
    assert told in refused["bad"]
    found = made.register(studio().frame(0, {"box": AT}, masks=True), ["box"])["box"]
    assert (found.state, found.reason) == (State.REGISTERED, "")
    assert made.prepare(Job("job", (good,), estimator=made.name)) == {}


def test_a_job_without_any_usable_object_fails_and_names_them_all(made: Estimator) -> None:
    objects = (replace(bad_mesh("mm.ply"), object_id="one"), replace(symmetric(MIRROR), object_id="two"))
    with pytest.raises(BadJob, match=r"object one: .*millimetres.*; object two: expected a discrete symmetry"):
        made.prepare(Job("job", objects, estimator=made.name))


def test_an_error_that_is_not_the_objects_fault_is_not_swallowed() -> None:
    def broken(_item: JobObject) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        usable(Job("job", (JobObject("box", "box.ply"),)), broken)


def with_mask(frame: Frame, rows: slice, columns: slice) -> Frame:
    """The frame with this mask of ``bad``."""
    mask = np.zeros((CAMERA.height, CAMERA.width), np.bool_)
    mask[rows, columns] = True
    return replace(frame, masks={**(frame.masks or {}), "bad": mask})


def empty_mask(frame: Frame) -> Frame:
    return with_mask(frame, slice(0, 0), slice(0, 0))


def hidden(frame: Frame) -> Frame:
    """A mask under which nothing is measured."""
    frame = with_mask(frame, slice(10, 60), slice(200, 260))
    assert frame.depth_m is not None
    assert frame.masks is not None
    return replace(frame, depth_m=np.where(frame.masks["bad"], np.float32(0), frame.depth_m))


def too_large(frame: Frame) -> Frame:
    """No edge of it is in the frame: a wall, which a face of the box fits anywhere."""
    return with_mask(frame, slice(0, 240), slice(0, 320))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (empty_mask, "object bad: expected a mask of 30 pixels or more, got 0"),
        (hidden, "object bad: expected depth under its mask, got it in 0 of 3000 pixels"),
        (too_large, "object bad: expected to see an edge of it, its mask reaches all sides of the frame (320 x 240)"),
    ],
)
def test_an_object_that_is_not_found_says_why_and_the_other_one_is_found(
    made: Estimator, spoil: Callable[[Frame], Frame], told: str
) -> None:
    made.prepare(Job("job", (JobObject("bad", str(box())), JobObject("box", str(box()))), estimator=made.name))
    found = made.register(spoil(studio().frame(0, {"box": AT}, masks=True)), ["bad", "box"])
    assert found["box"].state is State.REGISTERED
    assert (found["bad"].state, found["bad"].cam_from_obj, found["bad"].score) == (State.LOST, None, 0.0)
    assert found["bad"].reason.startswith(told)


def test_a_frame_without_any_depth_in_it_is_said() -> None:
    made = estimator(still=True)
    made.prepare(Job("job", (JobObject("box", str(box())),), estimator=made.name))
    frame = studio().frame(0, {"box": AT}, masks=True)
    frame = replace(frame, depth_m=np.zeros((CAMERA.height, CAMERA.width), np.float32))
    found = made.register(frame, ["box"])["box"]
    assert (found.state, found.reason) == (
        State.LOST,
        "object box: expected depth in the frame, got none in any pixel",
    )
    made.release("job")
