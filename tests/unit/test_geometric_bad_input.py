"""Bad input to the geometric estimator, one by one: a clear error or a documented fallback each."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import trimesh

from estimators.geometric import GeometricEstimator
from estimators.mesh import file, load_mesh
from estimators.metrics import model_points, pose_errors
from producers.sources.base import SourceError
from producers.sources.open import open_source
from schemas import BadJob, Camera, Estimate, Estimates, Job, JobObject, Pose, State
from tests.unit.estimators_scene import CAMERA, Studio, pose, write_box

SIZE_M = (0.06, 0.1, 0.14)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    folder = tmp_path_factory.mktemp("carton")
    return Studio({"carton": load_mesh(write_box(folder / "carton.obj", SIZE_M, 2))})


@pytest.fixture(scope="module")
def estimator(tmp_path_factory: pytest.TempPathFactory) -> GeometricEstimator:
    return prepared(write_box(tmp_path_factory.mktemp("carton") / "carton.obj", SIZE_M, 2))


def prepared(mesh: Path, unit_m: float = 1.0) -> GeometricEstimator:
    estimator = GeometricEstimator()
    estimator.prepare(Job("job", (JobObject("carton", str(mesh), unit_m),)))
    return estimator


def walk(seq: int) -> Pose:
    return pose((20 + 2.0 * seq, 30 + 1.0 * seq, 0), 0.004 * seq, -0.003 * seq, 0.6)


def follow(estimator: GeometricEstimator, studio: Studio, start: Pose, count: int = 6) -> Estimate:
    """The last estimate of the walk, from a bare pose in its first frame."""
    prior: Estimates = {"carton": Estimate(start, 1.0, State.REGISTERED)}
    for seq in range(1, count):
        (prior,) = estimator.track([studio.frame(seq, {"carton": walk(seq)})], [prior])
        assert_finite(prior["carton"])
    return prior["carton"]


def assert_finite(estimate: Estimate) -> None:
    """Pose checks its own numbers, so only what it does not hold is looked at."""
    assert 0.0 <= estimate.score <= 1.0
    assert estimate.covariance is None or np.isfinite(estimate.covariance).all()
    assert len(estimate.memory or b"") <= 64 * 1024


def assert_near(estimate: Estimate, truth: Pose, studio: Studio) -> None:
    """Within 4 mm, whichever way round the box is."""
    assert estimate.cam_from_obj is not None
    errors = pose_errors(model_points(studio.meshes["carton"]), estimate.cam_from_obj, truth)
    assert errors.translation_m < 0.004
    assert errors.add_s_m < 0.004


@pytest.mark.parametrize("pixels", [0, 1, 25])
def test_a_mask_with_nothing_or_hardly_anything_in_it_leaves_the_object_lost(
    estimator: GeometricEstimator, studio: Studio, pixels: int
) -> None:
    mask = np.zeros((CAMERA.height, CAMERA.width), np.bool_)
    mask[120, 150 : 150 + pixels] = True
    frame = replace(studio.frame(0, {"carton": walk(0)}), masks={"carton": mask})
    found = estimator.register(frame, ["carton"])["carton"]
    assert (found.state, found.cam_from_obj, found.score) == (State.LOST, None, 0.0)


@pytest.mark.parametrize(
    "where", [(3.0, 0.0, 0.6), (0.0, 0.0, -0.6), (0.0, 0.0, 0.0), (0.0, 0.0, 1e-9), (0.0, 0.0, 60.0), (1e6, -1e6, 1e-3)]
)
def test_an_object_said_to_be_out_of_view_is_not_trusted_and_lost_in_the_end(
    estimator: GeometricEstimator, studio: Studio, where: tuple[float, float, float]
) -> None:
    prior: Estimates = {"carton": Estimate(Pose(np.eye(3), np.array(where)), 1.0, State.REGISTERED)}
    for seq in range(1, 12):
        (prior,) = estimator.track([studio.frame(seq, {})], [prior])
        assert_finite(prior["carton"])
        assert prior["carton"].score < 0.5
    assert prior["carton"].state is State.LOST


def test_an_object_half_out_of_view_is_followed(estimator: GeometricEstimator, studio: Studio) -> None:
    prior: Estimates = {"carton": Estimate(pose((20, 30, 0), 0.30), 1.0, State.REGISTERED)}
    for seq in range(1, 6):
        (prior,) = estimator.track([studio.frame(seq, {"carton": pose((20, 30, 0), 0.30)})], [prior])
    assert_near(prior["carton"], pose((20, 30, 0), 0.30), studio)


@pytest.mark.parametrize("nothing", [0.0, np.nan, np.inf, -1.0])
def test_depth_without_one_value_gives_an_honest_answer(
    estimator: GeometricEstimator, studio: Studio, nothing: float
) -> None:
    blind = np.full((CAMERA.height, CAMERA.width), nothing, np.float32)
    frame = replace(studio.frame(0, {"carton": walk(0)}, masks=True), depth_m=blind)
    assert_finite(estimator.register(frame, ["carton"])["carton"])
    prior: Estimates = {"carton": Estimate(walk(0), 1.0, State.REGISTERED)}
    for seq in range(1, 4):
        blinded = replace(studio.frame(seq, {"carton": walk(seq)}), depth_m=blind)
        (prior,) = estimator.track([blinded], [prior])
        assert_finite(prior["carton"])


def test_a_picture_of_another_size_than_the_camera_says_is_refused(studio: Studio) -> None:
    frame = studio.frame(0, {"carton": walk(0)})
    with pytest.raises(ValueError, match=r"rgb: expected shape \(240, 320, 3\), got \(120, 320, 3\)"):
        replace(frame, rgb=frame.rgb[:120])
    assert frame.depth_m is not None
    with pytest.raises(ValueError, match=r"depth_m: expected shape \(240, 320\), got \(240, 160\)"):
        replace(frame, depth_m=frame.depth_m[:, :160])
    with pytest.raises(ValueError, match=r"mask of carton: expected shape \(240, 320\), got \(10, 10\)"):
        replace(frame, masks={"carton": np.ones((10, 10), np.bool_)})


def test_intrinsics_that_are_no_numbers_are_refused_wherever_they_come_from(tmp_path: Path) -> None:
    for values in ((np.nan, 300.0, 160.0, 120.0), (300.0, 300.0, np.inf, 120.0), (0.0, 300.0, 160.0, 120.0)):
        with pytest.raises(ValueError, match="camera: expected f"):
            Camera(320, 240, *values)
    (tmp_path / "rgb").mkdir()
    cv2.imwrite(str(tmp_path / "rgb" / "000000.png"), np.zeros((6, 8, 3), np.uint8))
    (tmp_path / "scene_camera.json").write_text(json.dumps({"0": {"cam_K": [np.nan, 0, 4, 0, 9, 3, 0, 0, 1]}}))
    (tmp_path / "models").mkdir()
    with pytest.raises(SourceError, match=r"scene_camera\.json, picture 0: .*expected finite intrinsics"):
        open_source(f"bop:{tmp_path}")


def write_plain(path: Path, **looks: Any) -> Path:
    """The carton's shape alone."""
    box: Any = trimesh.creation.box(SIZE_M)
    for name, value in looks.items():
        setattr(box, name, value)
    box.export(path)
    return path


def test_a_mesh_without_a_texture_is_followed_by_its_shape(studio: Studio, tmp_path: Path) -> None:
    estimator = prepared(write_plain(tmp_path / "plain.ply"))
    assert_near(follow(estimator, studio, walk(0)), walk(5), studio)
    found = estimator.register(studio.frame(0, {"carton": walk(0)}, masks=True), ["carton"])["carton"]
    assert found.state is State.REGISTERED
    assert_near(found, walk(0), studio)


def test_a_missing_texture_file_is_said_and_the_shape_followed(
    studio: Studio, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_box(tmp_path / "carton.obj", SIZE_M, 2)
    path.with_suffix(".png").unlink()
    estimator = prepared(path)
    assert "texture carton.png is missing" in caplog.text
    assert_near(follow(estimator, studio, walk(0)), walk(5), studio)


def test_a_texture_file_that_is_no_picture_is_said_and_the_shape_followed(
    studio: Studio, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_box(tmp_path / "carton.obj", SIZE_M, 2)
    path.with_suffix(".png").write_bytes(b"no picture")
    estimator = prepared(path)
    assert "texture carton.png" in caplog.text
    assert_near(follow(estimator, studio, walk(0)), walk(5), studio)


def test_an_inside_out_mesh_is_as_good_as_the_right_one(studio: Studio, tmp_path: Path) -> None:
    path = write_box(tmp_path / "carton.obj", SIZE_M, 2)
    estimates = [follow(prepared(path), studio, walk(0))]
    lines = [
        " ".join([word, *reversed(rest)]) if word == "f" else line
        for line in path.read_text().splitlines()
        for word, *rest in [line.split()]
    ]
    path.write_text("\n".join(lines) + "\n")
    file.read_unchanged.cache_clear()
    estimates.append(follow(prepared(path), studio, walk(0)))
    for estimate in estimates:
        assert_near(estimate, walk(5), studio)


def test_a_mesh_with_holes_and_faces_of_both_windings_is_followed(studio: Studio, tmp_path: Path) -> None:
    box: Any = trimesh.creation.box(SIZE_M).subdivide()
    faces = np.asarray(box.faces)[::-1].copy()
    faces[::2] = faces[::2, ::-1]
    trimesh.Trimesh(box.vertices, faces[3:], process=False).export(tmp_path / "torn.ply")
    assert_near(follow(prepared(tmp_path / "torn.ply"), studio, walk(0)), walk(5), studio)


def test_a_mesh_of_very_many_faces_is_followed_at_the_speed_of_a_small_one(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSESTREAM_CACHE", str(tmp_path / "cache"))
    fine: Any = trimesh.creation.box(SIZE_M)
    for _ in range(7):
        fine = fine.subdivide()
    assert len(fine.faces) > 190_000
    fine.export(tmp_path / "fine.ply")
    estimator = prepared(tmp_path / "fine.ply")
    started_s = time.process_time()
    assert_near(follow(estimator, studio, walk(0)), walk(5), studio)
    assert time.process_time() - started_s < 3.0  # a second even on a slow machine; the whole mesh would take many


@pytest.mark.parametrize(("unit_m", "advice"), [(1.0, "it looks like millimetres: set model_unit_m=0.001"), (1e-6, "")])
def test_a_diameter_that_no_object_has_fails_the_job_with_what_to_do(
    tmp_path: Path, unit_m: float, advice: str
) -> None:
    path = write_plain(tmp_path / "box.ply", vertices=trimesh.creation.box((80, 90, 95)).vertices)
    with pytest.raises(BadJob, match=rf"box\.ply: expected a diameter of 0\.005 to 5\.0 m, got .* m; .*{advice}"):
        prepared(path, unit_m)
    assert prepared(path, 0.001).name == "geometric"
