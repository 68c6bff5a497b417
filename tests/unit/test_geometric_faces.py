"""A box taken for its own turned copy: depth agrees with both, the colours say which it is."""

from dataclasses import replace

import numpy as np
import pytest

from estimators.geometric import faces
from estimators.geometric.faces import faces_of, most_alike, other_face
from estimators.geometric.fit import Fit, fit
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.score import score_of
from estimators.rendering import CpuRenderer
from schemas import Pose
from tests.unit.estimators_scene import Studio, pose
from tests.unit.geometric_box import box_model

RENDERER = CpuRenderer()
TRUTH = pose((25, 35, 5))
USUAL = Memory(frames=3, good=20, mean_score=0.95, likeness=0.8)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ObjectModel:
    return box_model(tmp_path_factory.mktemp("box"), RENDERER)


@pytest.fixture(scope="module")
def images(model: ObjectModel) -> FrameImages:
    return FrameImages(Studio({"box": model.mesh}).frame(0, {"box": TRUTH}))


def fitted(model: ObjectModel, images: FrameImages, at: Pose) -> Fit:
    found = fit(model, Placement.of(at, model.center_m), images, RENDERER, coarse=False)
    assert found is not None
    return found


def test_a_box_upside_down_is_turned_back(model: ObjectModel, images: FrameImages) -> None:
    wrong = fitted(model, images, TRUTH @ pose((0, 0, 180), z_m=0.0))
    assert wrong.evidence.geometry > 0.9
    found, score, _ = other_face(model, USUAL, wrong, score_of(wrong.evidence, USUAL), images, RENDERER)
    angle, distance_m = found.placement.pose(model.center_m).distance(TRUTH)
    assert np.degrees(angle) < 1.0
    assert distance_m < 0.002
    assert score > 0.9


def test_it_is_looked_at_in_every_third_frame_only(model: ObjectModel, images: FrameImages) -> None:
    wrong = fitted(model, images, TRUTH @ pose((0, 0, 180), z_m=0.0))
    found, _, _ = other_face(model, replace(USUAL, frames=4), wrong, 0.4, images, RENDERER)
    assert found is wrong


def test_no_other_face_is_fitted_where_none_is_more_alike(
    model: ObjectModel, images: FrameImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = fitted(model, images, TRUTH)
    monkeypatch.setattr(faces, "fit", None)  # a call would be an error
    used_to_more = replace(USUAL, likeness=1.3)
    assert other_face(model, used_to_more, right, 0.7, images, RENDERER)[0] is right


def test_of_faces_side_by_side_the_more_alike_is_kept(model: ObjectModel) -> None:
    upright = Placement(np.eye(3), np.array([0.0, 0.0, 0.6]))
    turned = faces_of(model, upright)
    assert len(turned) == 4  # three unequal sides: half turns alone
    beside = upright.after(pose((0, 0, 10), z_m=0.0).rotation)
    assert most_alike([beside, *turned], np.array([0.9, 0.8, 0.1, 0.2, 0.3]), 2) == [beside, turned[3]]


def test_the_way_of_a_turn_is_that_of_a_point_aside() -> None:
    one = Placement(np.eye(3), np.zeros(3))
    other = Placement(pose((0, 0, 90), z_m=0.0).rotation, np.array([0.0, 0.03, 0.04]))
    assert one.way_m(other, 0.1) == pytest.approx(0.05 + 0.1 * np.pi / 2)
    assert one.way_m(one, 0.1) == 0.0
