"""What follows when motion predicts the wrong place: an object that turned back, and one that something hides."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from estimators.geometric.doubt import in_doubt
from estimators.geometric.elsewhere import Search
from estimators.geometric.fit import fit
from estimators.geometric.hidden import hidden_at
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel, make_model
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.score import score_of
from estimators.geometric.turned_back import turned_back
from estimators.mesh import load_mesh
from estimators.rendering import CpuRenderer
from schemas import JobObject, Pose
from tests.unit.estimators_scene import Studio, plate, pose, write_box

RENDERER = CpuRenderer()
SECONDS, STEP_M = 1 / 30, 0.045


@dataclass(frozen=True, eq=False)
class Room:
    """A cube of 8 cm, and frames with it and a hand."""

    model: ObjectModel
    studio: Studio

    def search(self, cube: Pose, hand: Pose | None = None) -> Search:
        """A look for the cube that moved by 45 mm a frame until now."""
        memory = Memory(frames=20, good=20, trusted_frame=19, mean_score=0.95, likeness=0.9, speed_m_s=STEP_M / SECONDS)
        shown = {"cube": cube} if hand is None else {"cube": cube, "hand": hand}
        images = FrameImages(self.studio.frame(1, shown))
        return Search.of(self.model, memory, images, RENDERER)

    def at(self, x_m: float, z_m: float = 0.6) -> Placement:
        return Placement.of(pose((20, 30, 0), x_m, z_m=z_m), self.model.center_m)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    path = write_box(tmp_path_factory.mktemp("models") / "cube.obj", (0.08, 0.08, 0.08), 1)
    mesh = load_mesh(path)
    model = make_model(JobObject("cube", str(path)), mesh, RENDERER)
    return Room(model, Studio({"cube": mesh, "hand": plate(0.2, 3)}))


def off_m(one: Placement, other: Placement) -> float:
    return float(np.linalg.norm(one.t - other.t))


def test_an_object_that_turned_back_is_found_where_it_came_from(room: Room) -> None:
    search = room.search(pose((20, 30, 0), -STEP_M))
    predicted, truth = room.at(STEP_M), room.at(-STEP_M)
    found = fit(room.model, predicted, search.images, RENDERER, coarse=False)
    assert found is not None
    score = score_of(found.evidence, search.memory)
    assert off_m(found.placement, truth) > 0.02  # a fine fit reaches 3 cm, and it is 9 cm off
    back = turned_back(search, room.at(0.0), predicted, found, score, SECONDS)
    assert back is not None
    assert off_m(back.placement, truth) < 0.003


def test_one_that_went_on_is_left_where_it_is(room: Room) -> None:
    search = room.search(pose((20, 30, 0), STEP_M))
    found = fit(room.model, room.at(STEP_M), search.images, RENDERER, coarse=False)
    assert found is not None
    score = score_of(found.evidence, search.memory)
    assert turned_back(search, room.at(0.0), room.at(STEP_M), found, score, SECONDS) is None


HAND = pose((0, 0, 0), 0.0, z_m=0.45)  # 20 cm wide, which hides 27 cm where the cube is


def test_what_is_not_seen_is_supposed_behind_what_hides_it(room: Room) -> None:
    search = room.search(pose((20, 30, 0)), HAND)
    beside = room.at(0.16)  # most of it would be seen there, beside the hand
    supposed = hidden_at(search, beside, SECONDS)
    assert supposed.t[0] < beside.t[0] - 0.02
    np.testing.assert_array_equal(supposed.R, beside.R)


def test_one_that_can_be_hidden_where_it_is_predicted_stays_there(room: Room) -> None:
    search = room.search(pose((20, 30, 0)), HAND)
    assert off_m(hidden_at(search, room.at(0.0), SECONDS), room.at(0.0)) < 0.006


def test_what_was_not_seen_just_before_is_in_doubt_however_well_it_fits(room: Room) -> None:
    search = room.search(pose((20, 30, 0)))
    found = fit(room.model, room.at(0.0), search.images, RENDERER, coarse=False)
    before = room.at(-STEP_M)
    assert not in_doubt(search.memory, before, found, 0.95, SECONDS)
    assert in_doubt(replace(search.memory, bad=1), before, found, 0.95, SECONDS)
    assert in_doubt(replace(search.memory, probation=2), before, found, 0.95, SECONDS)
