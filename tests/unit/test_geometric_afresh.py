"""An object in full view that keeps scoring low is registered anew."""

from dataclasses import replace

import numpy as np
import pytest

from estimators.geometric import alternatives
from estimators.geometric.alternatives import afresh
from estimators.geometric.fit import Fit, fit
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.parts import Parts
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.score import score_of
from estimators.rendering import CpuRenderer
from tests.unit.estimators_scene import Studio, pose
from tests.unit.geometric_box import box_model

RENDERER = CpuRenderer()
TRUTH = pose((25, 35, 5))
USUAL = Memory(good=20, mean_score=0.95, likeness=0.8)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ObjectModel:
    return box_model(tmp_path_factory.mktemp("box"), RENDERER)


@pytest.fixture(scope="module")
def images(model: ObjectModel) -> FrameImages:
    frame = Studio({"box": model.mesh}).frame(0, {"box": TRUTH})
    assert frame.depth_m is not None
    return FrameImages(frame)


@pytest.fixture(scope="module")
def wrong(model: ObjectModel, images: FrameImages) -> Fit:
    """A fit that started a right angle off, and cannot get out of it."""
    at = Placement.of(TRUTH @ pose((0, 0, 90), z_m=0.0), model.center_m)
    found = fit(model, at, images, RENDERER)
    assert found is not None
    return found


def test_after_some_frames_in_full_view_a_low_score_is_registered_anew(
    model: ObjectModel, images: FrameImages, wrong: Fit
) -> None:
    score, memory = score_of(wrong.evidence, USUAL), USUAL
    for frames in range(3):
        found, again, memory = afresh(model, memory, wrong, score, images, RENDERER)
        assert (found is wrong) == (frames < 2)
    angle, distance_m = found.placement.pose(model.center_m).distance(TRUTH)
    assert np.degrees(angle) < 1.0
    assert distance_m < 0.002
    assert again > 0.9
    assert memory.doubts == 0


def test_a_usual_score_ends_the_doubts_and_switched_off_restarts_change_nothing(
    model: ObjectModel, images: FrameImages, wrong: Fit
) -> None:
    _, _, memory = afresh(model, replace(USUAL, doubts=3), wrong, 0.95, images, RENDERER)
    assert memory.doubts == 0
    quiet = replace(model, parts=Parts(restarts=False))
    found, _, memory = afresh(quiet, replace(USUAL, doubts=2), wrong, 0.4, images, RENDERER)
    assert found is wrong
    assert memory.doubts == 3


def test_a_score_a_little_below_the_usual_is_doubted_only_where_depth_contradicts(
    model: ObjectModel, images: FrameImages, wrong: Fit
) -> None:
    right = fit(model, Placement.of(TRUTH, model.center_m), images, RENDERER)
    assert right is not None
    assert wrong.evidence.wrong > 0.05 > right.evidence.wrong
    little_less = 0.9 * USUAL.mean_score
    assert afresh(model, USUAL, wrong, little_less, images, RENDERER)[2].doubts == 1
    assert afresh(model, USUAL, right, little_less, images, RENDERER)[2].doubts == 0
    assert afresh(model, USUAL, wrong, 0.96 * USUAL.mean_score, images, RENDERER)[2].doubts == 0


def test_where_depth_agrees_it_is_registered_anew_after_many_frames_only(
    model: ObjectModel, images: FrameImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = fit(model, Placement.of(TRUTH, model.center_m), images, RENDERER)
    assert right is not None
    asked: list[int] = []
    memory = USUAL

    def note(*_: object) -> None:
        asked.append(memory.doubts + 1)

    monkeypatch.setattr(alternatives, "register", note)
    for _ in range(20):
        memory = afresh(model, memory, right, 0.5, images, RENDERER)[2]
    assert asked == [12]
