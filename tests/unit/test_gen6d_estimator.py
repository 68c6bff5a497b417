"""Gen6D as an estimator: states, scores, loss, depth, batches, what is kept, and what its jobs may say."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from estimators.gen6d import kept
from estimators.gen6d.alone import RADIAN, RIGHT_ANGLE
from estimators.gen6d.distance import measured
from estimators.gen6d.estimator import Gen6DEstimator
from estimators.gen6d.find import extent_of
from estimators.gen6d.geometry import camera_position
from estimators.gen6d.judge import LOST_AFTER, RETRY_EVERY
from estimators.gen6d.memory import Memory
from estimators.gen6d.options import Options
from estimators.registry import Resources, load
from schemas import BadJob, Estimate, Estimates, JobObject, Pose, State, Symmetries
from tests.unit.gen6d_world import CAMERA, around, box, box_file, estimator, frame, job, looking_from, photos, weights

VIEW = looking_from(camera_position(around(12)[4]) + np.array([0.02, 0.03, 0.0]), 0.2)
STILL = (np.array([1.0, 0, 0, 0]), np.zeros(2), 0.0)
Answer = tuple[Any, Any, float]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSESTREAM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Gen6DEstimator:
    """The estimator with a refiner that leaves poses where they are, and takes no time."""
    made = estimator()
    monkeypatch.setattr(made.engine, "refine", lambda seen: [STILL] * len(seen))
    return made


def pose_of(view: Any) -> Pose:
    return Pose(view[:, :3], view[:, 3])


def tracked(view: Any, **fields: Any) -> Estimates:
    return {"box": Estimate(pose_of(view), 1.0, State.TRACKED, **fields)}


def test_an_object_is_followed_from_its_last_pose_and_scored(still: Gen6DEstimator) -> None:
    still.prepare(job())
    (found,) = still.track([frame(VIEW)], [tracked(VIEW)])
    pose = found["box"].cam_from_obj
    assert pose is not None
    assert found["box"].state is State.TRACKED
    assert pose.distance(pose_of(VIEW)) == pytest.approx((0, 0), abs=1e-5)
    aside = VIEW.copy()
    aside[:, 3] += (0.08, 0.03, 0)
    (wrong,) = still.track([frame(VIEW)], [tracked(aside)])
    assert found["box"].score > 0.5 > wrong["box"].score
    assert found["box"].memory is not None
    trusted = Memory.unpack(found["box"].memory)
    assert trusted is not None
    assert trusted.trusted is not None
    assert trusted.trusted.distance(pose)[1] == 0


def test_the_refiner_moves_poses_as_its_answers_say(monkeypatch: pytest.MonkeyPatch) -> None:
    made = estimator()
    made.prepare(job(iterations="2"))
    monkeypatch.setattr(made.engine, "refine", lambda seen: [(STILL[0], STILL[1], 0.25)] * len(seen))
    (found,) = made.track([frame(VIEW)], [tracked(VIEW)])
    pose = found["box"].cam_from_obj
    assert pose is not None
    assert pose.translation_m == pytest.approx(VIEW[:, 3] / 2**0.5, abs=2e-3)  # about the hull's centre


def test_a_step_into_the_camera_or_nowhere_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    made = estimator()
    made.prepare(job())
    for answer in ((STILL[0], STILL[1], 4.0), (STILL[0], np.full(2, np.nan), 0.0)):
        monkeypatch.setattr(made.engine, "refine", lambda seen, one=answer: [one] * len(seen))
        (found,) = made.track([frame(VIEW)], [tracked(VIEW)])
        pose = found["box"].cam_from_obj
        assert pose is not None
        assert pose.distance(pose_of(VIEW))[1] < 1e-6


def test_streams_and_objects_of_a_round_go_through_the_refiner_together(monkeypatch: pytest.MonkeyPatch) -> None:
    made, asked = estimator(), list[int]()

    def counted(seen: Sequence[Any]) -> list[Answer]:
        asked.append(len(seen))
        return [STILL] * len(seen)

    monkeypatch.setattr(made.engine, "refine", counted)
    names = ["one", "two", "three"]
    for name in names:
        made.prepare(job("box", "twin", job_id=name))
    prior = tracked(VIEW)["box"]
    made.track([frame(VIEW, job_id=name) for name in names], [{"box": prior, "twin": prior}] * 3)
    assert asked == [6]


def test_detection_is_for_the_start_and_after_a_loss_only(
    still: Gen6DEstimator, monkeypatch: pytest.MonkeyPatch
) -> None:
    detected: list[int] = []
    states: list[State] = []
    detect = still.engine.detect
    monkeypatch.setattr(still.engine, "detect", lambda *given: detected.append(len(states)) or detect(*given))
    still.prepare(job())
    grey = replace(frame(VIEW), rgb=np.full((CAMERA.height, CAMERA.width, 3), 90, np.uint8))
    estimates: Estimates = still.adopt(frame(VIEW), {"box": pose_of(VIEW)})
    for _ in range(LOST_AFTER + 2 + RETRY_EVERY):
        (estimates,) = still.track([grey], [estimates])
        states.append(estimates["box"].state)
    assert states == [State.TRACKED] * (LOST_AFTER - 1) + [State.LOST] * (3 + RETRY_EVERY)
    assert detected == [LOST_AFTER, LOST_AFTER + RETRY_EVERY]
    last = estimates["box"].cam_from_obj
    assert last is not None
    assert last.distance(pose_of(VIEW))[1] < 1e-9  # the last trusted one
    assert estimates["box"].score == 0


def test_a_lost_object_comes_back_as_registered(still: Gen6DEstimator, monkeypatch: pytest.MonkeyPatch) -> None:
    still.prepare(job())
    monkeypatch.setattr("estimators.gen6d.estimator.found_poses", lambda _, wanted: [VIEW] * len(wanted))
    lost = {"box": Estimate(pose_of(VIEW), 0.0, State.LOST, memory=Memory(unseen=1, trusted=pose_of(VIEW)).pack())}
    (found,) = still.track([frame(VIEW)], [lost])
    assert found["box"].state is State.REGISTERED
    later = {"box": replace(lost["box"], memory=Memory(unseen=2, trusted=pose_of(VIEW)).pack())}
    assert still.track([frame(VIEW)], [later])[0]["box"].state is State.LOST  # not its turn


def test_without_loss_it_follows_whatever_comes(still: Gen6DEstimator) -> None:
    still.prepare(job(loss="off"))
    grey = replace(frame(VIEW), rgb=np.full((CAMERA.height, CAMERA.width, 3), 90, np.uint8))
    estimates = tracked(VIEW)
    for _ in range(LOST_AFTER + 2):
        (estimates,) = still.track([grey], [estimates])
    assert estimates["box"].state is State.TRACKED
    assert estimates["box"].score < 0.2


@pytest.mark.parametrize("factor", [0.93, 1.0, 1.08])
def test_depth_fixes_the_distance(still: Gen6DEstimator, factor: float) -> None:
    still.prepare(job())
    off = VIEW.copy()
    off[:, 3] *= factor
    (found,) = still.track([frame(VIEW, depth=True)], [tracked(off)])
    pose = found["box"].cam_from_obj
    assert pose is not None
    assert pose.distance(pose_of(VIEW))[1] < 0.01  # a hull of twelve outlines is a little larger than its object
    (blind,) = still.track([frame(VIEW)], [tracked(off)])
    kept_at = blind["box"].cam_from_obj
    assert kept_at is not None
    assert kept_at.translation_m == pytest.approx(off[:, 3], abs=1e-6)


def test_depth_of_something_else_moves_nothing_and_lowers_the_score(still: Gen6DEstimator) -> None:
    still.prepare(job())
    seen = frame(VIEW, depth=True)
    wall = replace(seen, depth_m=np.full((CAMERA.height, CAMERA.width), 2.0, np.float32))
    (found,), (plain,) = (still.track([one], [tracked(VIEW)]) for one in (wall, frame(VIEW)))
    assert found["box"].score < 0.2 * plain["box"].score
    unknown = replace(seen, depth_m=np.zeros((CAMERA.height, CAMERA.width), np.float32))
    assert still.track([unknown], [tracked(VIEW)])[0]["box"].score == plain["box"].score
    points = box().vertices_m
    assert np.isnan(measured(points, VIEW, CAMERA.K, np.zeros((120, 160), np.float32), 0.18).agreement)


def test_a_mask_gives_place_and_size_and_no_detection_is_made(
    still: Gen6DEstimator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(still.engine, "detect", lambda *_: pytest.fail("detected"))
    still.prepare(job(loss="off"))
    found = still.register(frame(VIEW, mask=True), ["box"])["box"]
    assert found.state is State.REGISTERED
    assert found.cam_from_obj is not None
    # the recipe's selector takes any side of the box for what shows: its size is then that much off
    assert found.cam_from_obj.translation_m == pytest.approx(VIEW[:, 3], abs=0.15)
    assert CAMERA.project(found.cam_from_obj.translation_m) == pytest.approx(CAMERA.project(VIEW[:, 3]), abs=6)


def test_an_empty_mask_says_why_nothing_was_found(still: Gen6DEstimator) -> None:
    still.prepare(job("box", "twin", loss="off"))
    given = frame(VIEW, mask=True)
    masks = {**(given.masks or {}), "twin": np.zeros((CAMERA.height, CAMERA.width), np.bool_)}
    found = still.register(replace(given, masks=masks), ["box", "twin"])
    assert found["box"].state is State.REGISTERED
    assert found["twin"].state is State.LOST
    assert found["twin"].reason == "object twin: expected a mask of 30 pixels or more, got 0"


def test_a_flat_picture_shows_nothing_and_bad_objects_do_not_stop_the_others(still: Gen6DEstimator) -> None:
    mesh = JobObject("mug", str(box_file()))
    refused = still.prepare(replace(job(), objects=(*job().objects, mesh)))
    assert refused["mug"].startswith(f"object mug: references {box_file()}: expected a folder with posed photos, got a")
    rng = np.random.default_rng(0)
    noise = rng.normal(90, 2, (CAMERA.height, CAMERA.width, 3)).round().astype(np.uint8)
    found = still.register(replace(frame(VIEW), rgb=noise), ["box"])["box"]
    assert found.state is State.LOST
    assert found.reason == "object box: nothing in the picture looks like it"


def test_known_poses_are_taken_as_they_are(still: Gen6DEstimator) -> None:
    still.prepare(job())
    found = still.adopt(frame(VIEW), {"box": pose_of(VIEW)})["box"]
    assert found.cam_from_obj is not None
    assert found.cam_from_obj.distance(pose_of(VIEW)) == (0, 0)
    assert found.state is State.REGISTERED
    assert found.score > 0.5


def test_of_equal_poses_the_nearest_to_the_last_is_reported(
    still: Gen6DEstimator, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = np.diag([-1.0, -1.0, 1.0, 1.0])  # about z
    item = JobObject("box", str(photos()), symmetries=Symmetries((half,), ()))
    still.prepare(replace(job(), objects=(item,)))
    turned = (np.array([0.0, *(VIEW[:, :3] @ [0, 0, 1.0])]), np.zeros(2), 0.0)
    monkeypatch.setattr(still.engine, "refine", lambda seen: [turned] * len(seen))
    (found,) = still.track([frame(VIEW)], [tracked(VIEW)])
    assert found["box"].cam_from_obj is not None
    assert found["box"].cam_from_obj.distance(pose_of(VIEW))[0] < 0.2


def test_features_are_kept_by_what_they_were_made_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POSESTREAM_CACHE", str(tmp_path))
    made = estimator()
    made.prepare(job())
    first = made._jobs["job"]["box"].known
    (folder,) = (tmp_path / "gen6d").iterdir()
    monkeypatch.setattr(made.engine, "features", lambda *_: pytest.fail("made again"))
    made.prepare(job())
    again = made._jobs["job"]["box"].known.features
    for one, other in zip(
        (*first.features.kernels, *first.features.views), (*again.kernels, *again.views), strict=True
    ):
        assert torch.equal(one, other)
    assert folder.name == kept.content_hash(made.engine, first.database)
    other = replace(first.database, upright=first.database.upright + 1)
    assert kept.content_hash(made.engine, other) != folder.name


def test_a_damaged_cache_is_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POSESTREAM_CACHE", str(tmp_path))
    made = estimator()
    made.prepare(job())
    database = made._jobs["job"]["box"].known.database
    features = made._jobs["job"]["box"].known.features
    (folder,) = (tmp_path / "gen6d").iterdir()
    (folder / "views1.npy").write_bytes(b"damaged")
    calls: list[Any] = []
    monkeypatch.setattr(made.engine, "features", lambda given: calls.append(given) or features)
    kept.features_of(made.engine, database)
    kept.features_of(made.engine, database)
    assert len(calls) == 1


def test_options_are_checked_and_named() -> None:
    made = Options.of({"angle": "right", "views": "128", "steps": "0", "loss": "off"})
    assert (made.angle_unit, made.views, made.steps, made.iterations, made.loss) == (RIGHT_ANGLE, 128, 0, 1, False)
    assert Options.of({}).angle_unit == RADIAN
    for name, value, told in (
        ("angle", "degrees", "radians, right"),
        ("views", "1", "from 2"),
        ("depth", "on", "gen6d knows views"),
    ):
        with pytest.raises(BadJob, match=told):
            Options.of({name: value})


def test_the_registry_loads_it_by_name_and_says_what_it_lacks(tmp_path: Path) -> None:
    made = load("gen6d", Resources(weights=weights()))
    assert (made.name, made.weights_digest) == ("gen6d", estimator().weights_digest)
    with pytest.raises(BadJob, match="Gen6D needs weights"):
        load("gen6d", Resources(weights=tmp_path))


def test_memory_of_others_is_dropped() -> None:
    memory = Memory(3, 4, pose_of(VIEW))
    read = Memory.unpack(memory.pack())
    assert read is not None
    assert (read.bad, read.unseen) == (3, 4)
    assert read.trusted is not None
    assert read.trusted.distance(pose_of(VIEW)) == (0, 0)
    assert Memory.unpack(b"\x01\x00" + memory.pack()[2:]) is None
    assert Memory.unpack(memory.pack()[:-1]) is None


def test_a_size_does_not_change_when_the_picture_is_turned() -> None:
    points = np.random.default_rng(1).normal(size=(50, 2)) * (30, 10)
    c, s = np.cos(0.7), np.sin(0.7)
    assert extent_of(points @ [[c, -s], [s, c]])[1] == pytest.approx(extent_of(points)[1], rel=1e-3)
    assert extent_of(points * 2)[1] == pytest.approx(2 * extent_of(points)[1], rel=1e-3)


def test_answers_do_not_depend_on_who_else_is_asked(still: Gen6DEstimator) -> None:
    still.prepare(job())
    still.prepare(job(job_id="other"))
    other = around(12)[4]
    alone = still.track([frame(VIEW)], [tracked(VIEW)])[0]["box"]
    both = still.track([frame(other, job_id="other"), frame(VIEW)], [tracked(other), tracked(VIEW)])[1]["box"]
    assert alone.memory == both.memory
    assert alone.score == both.score
