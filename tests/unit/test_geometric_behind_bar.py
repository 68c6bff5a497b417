"""An object without depth passes behind a bar that stands still, and is handed from worker to worker meanwhile."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from estimators.geometric import GeometricEstimator
from estimators.geometric.memory import Memory
from estimators.mesh import Mesh, load_mesh
from schemas import Estimate, Estimates, Frame, Job, JobObject, Pose, State
from tests.unit.estimators_scene import Studio, plate, pose, write_box

FRAMES = 34
BAR = pose((0, 0, 0), 0.02, 0.0, 0.45)


def walk(seq: int) -> Pose:
    """6 mm and 2 degrees a frame, from left to right; the bar hides it most in frame 17."""
    return pose((20 + 2.0 * seq, 30 + 1.0 * seq, 0), 0.006 * (seq - 17) + 0.027, 0.0, 0.6)


@dataclass(frozen=True, eq=False)
class Course:
    """A job, its frames, which part of the cube's pixels each shows, and what one worker says of them."""

    job: Job
    frames: list[Frame]
    shares: list[float]
    alone: list[Estimate]


def workers(job: Job, count: int) -> list[GeometricEstimator]:
    made = [GeometricEstimator() for _ in range(count)]
    for one in made:
        one.prepare(job)
    return made


def followed(frames: list[Frame], crew: list[GeometricEstimator]) -> list[Estimate]:
    """The estimates of all frames, each from the next of the workers."""
    prior: Estimates = {"cube": Estimate(walk(0), 1.0, State.REGISTERED)}
    out: list[Estimate] = []
    for k, frame in enumerate(frames):
        (prior,) = crew[k % len(crew)].track([frame], [prior])
        out.append(prior["cube"])
    return out


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    path = write_box(tmp_path_factory.mktemp("models") / "cube.obj", (0.1, 0.1, 0.1), 1)
    square = plate(1.0, 9, 4)
    narrow = Mesh.build(square.vertices_m * [0.06, 2.0, 1.0], square.faces, uv=square.uv, texture=square.texture)
    studio = Studio({"cube": load_mesh(path), "bar": narrow})
    job = Job("job", (JobObject("cube", str(path)),))
    frames: list[Frame] = []
    shares: list[float] = []
    for seq in range(1, FRAMES):
        frame = studio.frame(seq, {"cube": walk(seq), "bar": BAR}, masks=True)
        free = studio.frame(seq, {"cube": walk(seq)}, masks=True)
        shares.append(float((frame.masks or {})["cube"].sum() / (free.masks or {})["cube"].sum()))
        frames.append(replace(frame, depth_m=None, masks=None))
    return Course(job, frames, shares, followed(frames, workers(job, 1)))


def test_an_object_is_followed_behind_a_bar_and_comes_back(course: Course) -> None:
    assert min(course.shares) < 0.5  # else nothing was hidden
    for seq, estimate in enumerate(course.alone, start=1):
        assert estimate.cam_from_obj is not None
        assert estimate.state is State.TRACKED
        angle, distance = estimate.cam_from_obj.distance(walk(seq))
        assert np.degrees(angle) < 15.0, seq
        assert distance < 0.02, seq
    last = course.alone[-1]
    assert last.cam_from_obj is not None
    assert last.score > 0.5
    angle, distance = last.cam_from_obj.distance(walk(FRAMES - 1))
    assert np.degrees(angle) < 3.0
    assert distance < 0.015


def test_the_bar_and_the_light_are_remembered(course: Course) -> None:
    memory = Memory.unpack(course.alone[-1].memory)
    assert memory is not None
    assert memory.light
    assert memory.backdrop
    assert memory.around
    assert memory.spread
    assert memory.odds > 0.5


def test_two_workers_in_turn_say_the_very_same_as_one(course: Course) -> None:
    both = followed(course.frames, workers(course.job, 2))
    for one, other in zip(course.alone, both, strict=True):
        assert one.cam_from_obj is not None
        assert other.cam_from_obj is not None
        assert (one.cam_from_obj.matrix() == other.cam_from_obj.matrix()).all()
        assert one.memory == other.memory
