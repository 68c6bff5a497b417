"""How likely a picture's colours are with an object at a placement, against without it."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from estimators.geometric.backdrop import BEHIND, FRONT, GRID, UNKNOWN, Backdrop
from estimators.geometric.backdrop_grid import sampled
from estimators.geometric.known import NOTHING_KNOWN
from estimators.geometric.likelihood import log_odds_of, sight_of
from estimators.geometric.model import ObjectModel, make_model
from estimators.geometric.pictures import FrameImages, crop_about_width
from estimators.geometric.placement import Placement
from estimators.mesh import load_mesh
from schemas import JobObject
from schemas.arrays import Array
from tests.unit.estimators_scene import write_box
from tests.unit.picture_scene import EVEN, RENDERER, Shot, images_of, plain, turned, wall

TRUTH = Placement(turned((1, 2, 0), 35.0), np.array([0.02, 0.01, 0.6]))


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> ObjectModel:
    path = write_box(tmp_path_factory.mktemp("models") / "box.obj", (0.1, 0.1, 0.1), 1)
    return make_model(JobObject("box", "box"), load_mesh(path), RENDERER)


def odds(model: ObjectModel, placements: list[Placement], images: FrameImages, at_m: Array) -> tuple[Array, Array]:
    return log_odds_of(model, sight_of(crop_about_width(images, at_m, 0.4, 90), images), placements, images, RENDERER)


def test_the_frame_is_likeliest_with_the_object_where_it_is(box: ObjectModel) -> None:
    images = Shot(box, TRUTH, EVEN, wall()).images
    others = [Placement(TRUTH.R, TRUTH.t + step) for step in (*(0.01 * np.eye(3)[:2]), *(-0.01 * np.eye(3)[:2]))]
    axes = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    others += [Placement(turned(axis, angle) @ TRUTH.R, TRUTH.t) for axis in axes for angle in (-15.0, 15.0)]
    sums, means = odds(box, [TRUTH, *others], images, TRUTH.t)
    assert (sums[1:] < sums[0] - 100).all()
    assert means[0] > 1.5
    without, _ = odds(box, [TRUTH], images_of(wall()), TRUTH.t)
    assert without[0] < 0.5 * sums[0]


def test_what_hides_the_object_says_nothing_and_what_is_behind_it_says_it_is_not_there() -> None:
    box = plain(trimesh.creation.box((0.1, 0.1, 0.1)), (230, 30, 30))
    images = images_of(wall())
    means = {}
    for place in (UNKNOWN, FRONT, BEHIND):
        whole = Backdrop(sampled(images), np.full(GRID, 15, np.uint8), np.full(GRID, place, np.uint8))
        known = replace(NOTHING_KNOWN, backdrop=whole)
        means[place] = odds(box, [TRUTH], images.knowing(known), TRUTH.t)[1][0]
    assert abs(means[FRONT]) < 0.2
    assert means[BEHIND] < means[UNKNOWN] < means[FRONT]
    assert means[BEHIND] < -2.0


def test_what_is_outside_of_the_frame_is_left_out(box: ObjectModel) -> None:
    cut = Placement(TRUTH.R, np.array([0.32, 0.0, 0.6]))  # the middle is at the frame's edge
    images = Shot(box, cut, EVEN, wall()).images
    (total,), (mean,) = odds(box, [cut], images, cut.t)
    (whole,), (usual,) = odds(box, [TRUTH], Shot(box, TRUTH, EVEN, wall()).images, TRUTH.t)
    assert mean > 0.8 * usual
    assert 0.3 < (total / mean) / (whole / usual) < 0.7  # of the pixels
    beyond = Placement(TRUTH.R, np.array([0.45, 0.0, 0.6]))
    (nothing,), (none,) = odds(box, [beyond], images, beyond.t)
    assert nothing == none == 0.0


def test_a_handle_before_its_own_wall_tells_the_turn_by_its_edges() -> None:
    wall_m, handle_m = trimesh.creation.cylinder(0.05, 0.12, sections=64), trimesh.creation.box((0.012, 0.03, 0.07))
    handle_m.apply_translation((0, -0.06, 0))
    cup = plain(trimesh.util.concatenate([wall_m, handle_m]), (70, 110, 190))
    side = np.array([0.8, -0.3, 0.0, -0.2, 0, 0, 0, 0, 0])
    upright = turned((1, 0, 0), 90.0) @ np.diag([1.0, -1.0, -1.0])
    placements = [Placement(upright @ turned((0, 0, 1), angle), np.array([0.0, 0.0, 0.6])) for angle in (0.0, 25, -25)]
    shots = [Shot(cup, one, side, wall()).images for one in placements]
    known = [shot.knowing(replace(NOTHING_KNOWN, terms=side)) for shot in shots]
    for number, images in enumerate(known):
        sums = odds(cup, placements, images, placements[0].t)[0]
        assert sums.argmax() == number
        assert np.sort(sums)[-1] > np.sort(sums)[-2] + 100
