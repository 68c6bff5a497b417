"""The geometric estimator on small scenes that it draws itself: a box with a different picture on every face."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from estimators.geometric import GeometricEstimator
from estimators.geometric.align import refine
from estimators.geometric.judge import judge_all
from estimators.mesh import load_mesh
from estimators.registry import load, names
from estimators.rendering.raster import draw
from schemas import BadJob, Estimate, Estimates, Frame, Job, JobObject, Pose, State, Symmetries
from schemas.arrays import Array
from tests.unit.estimators_scene import Studio, pose, write_box

SIDE_M = 0.1


@dataclass(frozen=True, eq=False)
class Bench:
    studio: Studio
    job: Job
    estimator: GeometricEstimator

    def registered(self, poses: dict[str, Pose]) -> Estimates:
        return self.estimator.register(self.studio.frame(0, poses, masks=True), list(poses))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("models")
    files = {
        "cube": write_box(folder / "cube.obj", (SIDE_M, SIDE_M, SIDE_M), 1),
        "carton": write_box(folder / "carton.obj", (0.06, 0.1, 0.14), 2),
    }
    job = Job("job", tuple(JobObject(name, str(path)) for name, path in files.items()))
    estimator = GeometricEstimator()
    estimator.prepare(job)
    return Bench(Studio({name: load_mesh(path) for name, path in files.items()}), job, estimator)


def errors(estimate: Estimate, truth: Pose) -> tuple[float, float]:
    """Degrees and millimetres."""
    assert estimate.cam_from_obj is not None
    angle, distance = estimate.cam_from_obj.distance(truth)
    return float(np.degrees(angle)), distance * 1000


def walk(seq: int) -> Pose:
    """About 6 mm and 2 degrees a frame."""
    return pose((20 + 2.0 * seq, 30 + 1.0 * seq, 0), 0.05 * np.sin(seq / 8), 0.003 * seq - 0.03, 0.6 + 0.002 * seq)


@pytest.mark.parametrize("angles", [(10, 20, 30), (100, 35, -60), (-150, 20, 170), (35, 80, 5)])
def test_a_cube_is_registered_with_the_right_face_in_front(bench: Bench, angles: tuple[float, float, float]) -> None:
    truth = pose(angles, 0.03, -0.02)
    found = bench.registered({"cube": truth})["cube"]
    degrees, millimetres = errors(found, truth)
    assert degrees < 1.5
    assert millimetres < 2.0
    assert found.state is State.REGISTERED
    assert found.score > 0.8


def test_a_track_follows_a_moving_object(bench: Bench) -> None:
    prior = bench.registered({"cube": walk(0)})
    for seq in range(1, 25):
        (prior,) = bench.estimator.track([bench.studio.frame(seq, {"cube": walk(seq)})], [prior])
        degrees, millimetres = errors(prior["cube"], walk(seq))
        assert degrees < 2.0
        assert millimetres < 2.0
        assert prior["cube"].state is State.TRACKED
        assert prior["cube"].score > 0.7


def test_a_track_starts_from_a_bare_pose(bench: Bench) -> None:
    start = {"cube": Estimate(walk(0), 1.0, State.REGISTERED)}
    (after,) = bench.estimator.track([bench.studio.frame(1, {"cube": walk(1)})], [start])
    assert errors(after["cube"], walk(1)) < (2.0, 2.0)


def test_a_stream_that_moves_to_another_worker_goes_on_with_the_very_same_poses(bench: Bench) -> None:
    other = GeometricEstimator()
    other.prepare(bench.job)
    stayed = moved = bench.registered({"cube": walk(0)})
    for seq in range(1, 8):
        frame = bench.studio.frame(seq, {"cube": walk(seq)})
        (stayed,) = bench.estimator.track([frame], [stayed])
        (moved,) = (other if seq > 3 else bench.estimator).track([frame], [moved])
        one, two = stayed["cube"], moved["cube"]
        assert one.cam_from_obj is not None
        assert two.cam_from_obj is not None
        assert (one.cam_from_obj.matrix() == two.cam_from_obj.matrix()).all()
        assert one.score == two.score
        assert one.memory == two.memory


def test_an_object_that_is_taken_away_is_lost_and_found_again_when_it_is_back(bench: Bench) -> None:
    truth = walk(0)
    prior = bench.registered({"cube": truth})
    states = []
    for seq in range(1, 10):
        (prior,) = bench.estimator.track([bench.studio.frame(seq, {})], [prior])
        states.append(prior["cube"].state)
        assert prior["cube"].score < 0.5
    assert states[-1] is State.LOST
    assert errors(prior["cube"], truth) < (3.0, 4.0)  # the last trusted pose stays
    for seq in range(10, 15):
        (prior,) = bench.estimator.track([bench.studio.frame(seq, {"cube": truth})], [prior])
        states.append(prior["cube"].state)
    assert State.REGISTERED in states
    assert states[-1] is State.TRACKED
    assert errors(prior["cube"], truth) < (2.0, 2.0)


def test_half_of_the_object_behind_a_hand_does_not_move_it(bench: Bench) -> None:
    truth = walk(0)
    prior = bench.registered({"cube": truth})
    for seq in range(1, 8):
        hand = pose((0, 0, 0), 0.14 - 0.012 * seq, 0.0, 0.45)
        (prior,) = bench.estimator.track([bench.studio.frame(seq, {"cube": truth}, hand=hand)], [prior])
    assert prior["cube"].state is State.TRACKED
    assert errors(prior["cube"], truth) < (2.0, 2.5)


def test_a_wrong_turn_is_found_out_and_set_right(bench: Bench) -> None:
    right = bench.registered({"cube": walk(0)})
    turned = Pose(walk(0).rotation @ pose((0, 90, 0)).rotation, walk(0).translation_m)
    frame, prior = bench.studio.frame(1, {"cube": walk(1)}), {"cube": replace(right["cube"], cam_from_obj=turned)}
    (first,) = bench.estimator.track([frame], [prior])
    assert first["cube"].score < 0.5 or errors(first["cube"], walk(1)) < (2.0, 2.0)
    prior = first
    for seq in range(2, 12):
        (prior,) = bench.estimator.track([bench.studio.frame(seq, {"cube": walk(seq)})], [prior])
    assert errors(prior["cube"], walk(11)) < (2.0, 2.0)


def test_the_failure_of_one_object_does_not_touch_the_other(bench: Bench) -> None:
    both = {"cube": pose((20, 30, 0), -0.1), "carton": pose((-20, 40, 10), 0.1)}
    prior = bench.registered(both)
    for seq in range(1, 10):
        (prior,) = bench.estimator.track([bench.studio.frame(seq, {"carton": both["carton"]})], [prior])
    assert prior["cube"].state is State.LOST
    assert prior["carton"].state is State.TRACKED
    assert errors(prior["carton"], both["carton"]) < (2.0, 2.0)


def test_equal_objects_of_two_streams_get_an_answer_each_in_order(bench: Bench) -> None:
    first, second = bench.registered({"cube": walk(0)}), bench.registered({"cube": walk(9)})
    frames = [bench.studio.frame(1, {"cube": walk(1)}), bench.studio.frame(10, {"cube": walk(10)})]
    one, two = bench.estimator.track(frames, [first, second])
    assert errors(one["cube"], walk(1)) < (2.0, 2.0)
    assert errors(two["cube"], walk(10)) < (2.0, 2.0)


def masked(frame: Frame, mask: Array) -> Frame:
    return replace(frame, masks={"cube": mask})


def test_an_empty_mask_leaves_the_object_lost(bench: Bench) -> None:
    frame = bench.studio.frame(0, {"cube": walk(0)})
    found = bench.estimator.register(masked(frame, np.zeros((240, 320), np.bool_)), ["cube"])["cube"]
    assert found.state is State.LOST
    assert found.cam_from_obj is None
    assert found.score == 0.0
    (after,) = bench.estimator.track([frame], [{"cube": found}])
    assert after["cube"].state is State.LOST


def test_an_object_that_comes_later_is_registered_when_its_mask_comes(bench: Bench) -> None:
    prior = bench.estimator.register(bench.studio.frame(0, {}), ["cube"])
    assert prior["cube"].state is State.LOST
    (prior,) = bench.estimator.track([bench.studio.frame(1, {"cube": walk(1)}, masks=True)], [prior])
    assert prior["cube"].state is State.REGISTERED
    assert errors(prior["cube"], walk(1)) < (2.0, 2.0)


def test_a_mask_of_something_else_leaves_the_object_lost(bench: Bench) -> None:
    wall = np.zeros((240, 320), np.bool_)
    wall[40:200, 10:310] = True
    frame = masked(bench.studio.frame(0, {}), wall)
    assert bench.estimator.register(frame, ["cube"])["cube"].state is State.LOST


def test_holes_in_the_depth_do_not_matter(bench: Bench) -> None:
    prior = bench.registered({"cube": walk(0)})
    for seq in range(1, 4):
        frame = bench.studio.frame(seq, {"cube": walk(seq)})
        assert frame.depth_m is not None
        holes = np.where(np.random.default_rng(seq).random((240, 320)) < 0.4, np.float32(np.nan), frame.depth_m)
        (prior,) = bench.estimator.track([replace(frame, depth_m=holes)], [prior])
        assert errors(prior["cube"], walk(seq)) < (2.0, 2.0)


def test_an_object_that_leaves_the_view_is_lost(bench: Bench) -> None:
    away = Estimate(pose((0, 0, 0), 3.0), 1.0, State.REGISTERED)
    prior: Estimates = {"cube": away}
    for seq in range(1, 10):
        (prior,) = bench.estimator.track([bench.studio.frame(seq, {})], [prior])
        assert prior["cube"].score == 0.0
    assert prior["cube"].state is State.LOST


def test_memory_of_an_unknown_version_is_dropped_and_the_pose_alone_used(bench: Bench) -> None:
    prior = bench.registered({"cube": walk(0)})["cube"]
    assert prior.memory is not None
    foreign = replace(prior, memory=b"\xff\xff" + prior.memory[2:])
    frame = bench.studio.frame(1, {"cube": walk(1)})
    for memory in (foreign.memory, b"", b"short"):
        (after,) = bench.estimator.track([frame], [{"cube": replace(prior, memory=memory)}])
        assert errors(after["cube"], walk(1)) < (2.0, 2.0)


def test_a_declared_symmetry_makes_equal_turns_one(tmp_path: Path) -> None:
    path = write_box(tmp_path / "plain.obj", (SIDE_M, SIDE_M, SIDE_M), 3, plain=True)
    half_turn = np.diag([-1.0, -1.0, 1.0, 1.0])
    job = Job("job", (JobObject("cube", str(path), symmetries=Symmetries(discrete=(half_turn,))),))
    estimator = GeometricEstimator()
    estimator.prepare(job)
    studio, truth = Studio({"cube": load_mesh(path)}), pose((30, 40, 10))
    found = estimator.register(studio.frame(0, {"cube": truth}, masks=True), ["cube"])["cube"]
    assert found.state is State.REGISTERED
    assert errors(found, truth)[1] < 3.0


def test_a_job_with_a_missing_mesh_fails_by_name(bench: Bench) -> None:
    with pytest.raises(BadJob, match=r"none\.obj"):
        bench.estimator.prepare(Job("other", (JobObject("x", "/nowhere/none.obj"),)))


def test_a_released_job_is_forgotten_and_releasing_twice_is_harmless(bench: Bench) -> None:
    estimator = GeometricEstimator()
    estimator.prepare(bench.job)
    estimator.release("job")
    estimator.release("job")
    with pytest.raises(KeyError):
        estimator.register(bench.studio.frame(0, {}), ["cube"])


def test_the_registry_loads_by_name_and_names_what_it_knows() -> None:
    assert "geometric" in names()
    assert load("geometric").name == "geometric"
    with pytest.raises(BadJob, match="geometric"):
        load("telepathy")


def test_every_kernel_is_compiled_for_one_kind_of_arrays_only(bench: Bench) -> None:
    prior = bench.registered({"cube": walk(0)})
    bench.estimator.track([bench.studio.frame(1, {"cube": walk(1)})], [prior])
    for kernel in (draw, refine, judge_all):
        assert len(kernel.signatures) == 1, kernel  # each further one costs seconds at the first start
