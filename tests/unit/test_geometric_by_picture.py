"""Registration and tracking without depth, and the outline term, on scenes drawn here."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from estimators.geometric import GeometricEstimator
from estimators.geometric.colours import CELLS, histogram, packed, unpacked
from estimators.geometric.likelihood import HIDDEN
from estimators.geometric.refine_by_picture import refine_by_picture
from estimators.geometric.region import sense
from estimators.geometric.template_odds import best_places
from estimators.geometric.tint import tints
from estimators.mesh import load_mesh
from schemas import Estimate, Estimates, Frame, Job, JobObject, Pose, State
from tests.unit.estimators_scene import Studio, pose, write_box


@dataclass(frozen=True, eq=False)
class Bench:
    studio: Studio
    job: Job
    estimator: GeometricEstimator

    def frame(self, seq: int, *, masks: bool = False, there: bool = True) -> Frame:
        frame = self.studio.frame(seq, {"cube": walk(seq)} if there else {}, masks=masks)
        return replace(frame, depth_m=None)

    def started(self) -> Estimates:
        return {"cube": Estimate(walk(0), 1.0, State.REGISTERED)}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    path = write_box(tmp_path_factory.mktemp("models") / "cube.obj", (0.1, 0.1, 0.1), 1)
    job = Job("job", (JobObject("cube", str(path)),))
    estimator = GeometricEstimator()
    estimator.prepare(job)
    return Bench(Studio({"cube": load_mesh(path)}), job, estimator)


def walk(seq: int) -> Pose:
    """About 6 mm and 2 degrees a frame."""
    return pose((20 + 2.0 * seq, 30 + 1.0 * seq, 0), 0.05 * np.sin(seq / 8), 0.003 * seq - 0.03, 0.6 + 0.002 * seq)


def errors(estimate: Estimate, truth: Pose) -> tuple[float, float, float]:
    """Degrees, and millimetres across and along the view."""
    assert estimate.cam_from_obj is not None
    angle, _ = estimate.cam_from_obj.distance(truth)
    off, ray = estimate.cam_from_obj.translation_m - truth.translation_m, truth.translation_m
    along = float(off @ ray / np.linalg.norm(ray))
    across = float(np.sqrt(max(0.0, off @ off - along * along)))
    return float(np.degrees(angle)), 1000 * across, 1000 * abs(along)


def assert_close(estimate: Estimate, truth: Pose) -> None:
    degrees, across, along = errors(estimate, truth)
    assert degrees < 3.0
    assert across < 2.0
    assert along < 15.0  # 15 mm at 0.6 m are 1.3 pixels at the cube's outline


def test_an_object_is_registered_by_its_outline_and_colours(bench: Bench) -> None:
    found = bench.estimator.register(bench.frame(0, masks=True), ["cube"])["cube"]
    assert found.state is State.REGISTERED
    assert found.score > 0.5
    assert_close(found, walk(0))


def test_a_track_follows_a_moving_object_and_knows_its_distance_least(bench: Bench) -> None:
    prior = bench.started()
    for seq in range(1, 20):
        (prior,) = bench.estimator.track([bench.frame(seq)], [prior])
        assert prior["cube"].score > 0.5
        assert_close(prior["cube"], walk(seq))
    estimate, truth = prior["cube"], walk(19)
    assert estimate.covariance is not None
    ray = truth.rotation.T @ (truth.translation_m / np.linalg.norm(truth.translation_m))
    side = np.cross(ray, [1.0, 0.0, 0.0]) / np.linalg.norm(np.cross(ray, [1.0, 0.0, 0.0]))
    shift = estimate.covariance[3:, 3:]
    assert ray @ shift @ ray > 4 * (side @ shift @ side)


def test_no_depth_no_measured_depth_and_depth_switched_off_are_the_same(bench: Bench) -> None:
    off = GeometricEstimator()
    off.prepare(replace(bench.job, options={"off": "depth"}))
    frame = bench.studio.frame(1, {"cube": walk(1)})
    answers = [
        estimator.track([given], [bench.started()])[0]["cube"]
        for estimator, given in (
            (bench.estimator, replace(frame, depth_m=None)),
            (bench.estimator, replace(frame, depth_m=np.zeros((240, 320), np.float32))),
            (bench.estimator, replace(frame, depth_m=np.full((240, 320), np.nan, np.float32))),
            (off, frame),
        )
    ]
    for answer in answers[1:]:
        assert answer.cam_from_obj is not None
        assert answers[0].cam_from_obj is not None
        assert (answer.cam_from_obj.matrix() == answers[0].cam_from_obj.matrix()).all()
        assert answer.memory == answers[0].memory
    masked = bench.studio.frame(0, {"cube": walk(0)}, masks=True)
    found = off.register(masked, ["cube"])["cube"].cam_from_obj
    same = bench.estimator.register(replace(masked, depth_m=None), ["cube"])["cube"].cam_from_obj
    assert found is not None
    assert same is not None
    assert (found.matrix() == same.matrix()).all()


def test_another_worker_goes_on_with_the_very_same_poses(bench: Bench) -> None:
    other = GeometricEstimator()
    other.prepare(bench.job)
    stayed = moved = bench.started()
    for seq in range(1, 6):
        (stayed,) = bench.estimator.track([bench.frame(seq)], [stayed])
        (moved,) = (other if seq > 2 else bench.estimator).track([bench.frame(seq)], [moved])
    assert stayed["cube"].memory == moved["cube"].memory
    assert len(stayed["cube"].memory or b"") < 32_768


def test_an_object_that_is_taken_away_is_lost_and_found_again(bench: Bench) -> None:
    prior, truth = bench.started(), walk(1)
    (prior,) = bench.estimator.track([bench.frame(1)], [prior])
    for seq in range(2, 20):
        (prior,) = bench.estimator.track([bench.frame(seq, there=False)], [prior])
        assert prior["cube"].score < 0.5
    assert prior["cube"].state is State.LOST
    for seq in range(20, 26):
        frame = replace(bench.studio.frame(seq, {"cube": truth}), depth_m=None)
        (prior,) = bench.estimator.track([frame], [prior])
    assert prior["cube"].state is State.TRACKED
    assert_close(prior["cube"], truth)


def test_a_mask_of_something_else_leaves_the_object_lost(bench: Bench) -> None:
    wall = np.zeros((240, 320), np.bool_)
    wall[40:60, 10:310] = True
    frame = replace(bench.frame(0, there=False), masks={"cube": wall})
    assert bench.estimator.register(frame, ["cube"])["cube"].state is State.LOST


def test_depth_that_fails_for_some_frames_does_not_lose_the_object(bench: Bench) -> None:
    prior = bench.estimator.register(bench.studio.frame(0, {"cube": walk(0)}, masks=True), ["cube"])
    for seq in range(1, 12):
        frame = bench.studio.frame(seq, {"cube": walk(seq)})
        blind = replace(frame, depth_m=np.full((240, 320), np.nan, np.float32)) if 3 < seq < 9 else frame
        (prior,) = bench.estimator.track([blind], [prior])
        assert prior["cube"].state is State.TRACKED
    assert_close(prior["cube"], walk(11))


@pytest.mark.parametrize("step_px", [1, 2, 4])
def test_a_line_finds_where_the_colour_ends(step_px: int) -> None:
    image = np.full((100, 100, 3), 40, np.float32)
    image[:, :53] = 200  # the outline lies at 52.5
    points, normals = np.array([[0.0, 0.0, 0.0]]), np.array([[1.0, 0.0]])
    lines, anywhere = np.zeros((1, 4)), np.full((1, 2), 1e6)
    cam, inner = np.array([100.0, 100.0, 50.0, 50.0]), tints(np.full((1, 1, 3), 200, np.float32))
    without, hidden = np.zeros((100, 100), np.float32), np.full((100, 100), HIDDEN, np.float32)
    found = sense(
        points, normals, anywhere, np.eye(3), np.array([0.0, 0.0, 1.0]), cam, tints(image), without, hidden, inner,
        np.zeros((100, 100), np.uint8), step_px, lines,
    )  # fmt: skip
    assert found == 1
    assert lines[0, 0] == pytest.approx(52.5, abs=0.6 * step_px)
    assert lines[0, 1] == 50.0


def test_colours_survive_their_bytes() -> None:
    colours = histogram(np.random.default_rng(0).integers(0, 255, (500, 3)).astype(np.uint8))
    again = unpacked(packed(colours))
    assert again is not None
    assert len(packed(colours)) == CELLS
    assert abs(again - colours).max() < 0.01
    assert again.sum() == pytest.approx(1.0, abs=1e-5)
    assert unpacked(b"") is None


def test_kernels_are_compiled_for_one_kind_of_arrays_only(bench: Bench) -> None:
    bench.estimator.track([bench.frame(1)], [bench.started()])
    for kernel in (refine_by_picture, best_places):
        assert len(kernel.signatures) == 1, kernel
