"""The turn of a mug without depth: as the handle shows it, and as it was predicted where the handle is hidden."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from estimators.geometric.axis_turn import held_about_axis, sureness, turned_about_axis, unknown_about_axis
from estimators.geometric.backdrop import GRID, UNKNOWN, Backdrop
from estimators.geometric.backdrop_grid import sampled
from estimators.geometric.covariance import Information
from estimators.geometric.fit_by_picture import held_loosely
from estimators.geometric.known import NOTHING_KNOWN
from estimators.geometric.light import Light
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.motion import rotation_vector
from estimators.geometric.picture_search import Found, PictureSearch
from estimators.geometric.placement import Placement
from estimators.geometric.refine_by_picture import Held
from estimators.geometric.sweep import Wheel, about
from schemas.arrays import Array
from tests.unit.picture_scene import RENDERER, Shot, fit_at, images_of, plain, turned, wall

TERMS = np.array([0.8, 0.25, -0.2, -0.1, 0.0, 0.0, 0.0, 0.0, 0.0])
ACROSS = Placement(turned((1, 0, 0), 80.0), np.array([0.01, -0.01, 0.5]))  # its axis upright in the image
SPREAD = np.radians(10.0) ** 2 * np.eye(3)


@pytest.fixture(scope="module")
def mug() -> ObjectModel:
    wall_m = trimesh.creation.cylinder(0.04, 0.1, sections=64)
    handle_m = trimesh.creation.box((0.03, 0.012, 0.06), trimesh.transformations.translation_matrix((0.052, 0, 0)))
    return plain(trimesh.util.concatenate([wall_m, handle_m]))


def wheel_of(model: ObjectModel) -> Wheel:
    assert model.wheel is not None
    return model.wheel


def with_handle(model: ObjectModel, way: tuple[float, float, float]) -> Placement:
    """Where the handle points along the camera's axes."""
    wheel = wheel_of(model)
    aside = wheel.odd.mean(axis=0) - wheel.hub
    angles = np.radians(np.arange(0, 360, 5))
    return max(
        (ACROSS.after(*about(wheel.axis, angle)) for angle in angles), key=lambda one: float(one.R @ aside @ way)
    )


def degrees_about(model: ObjectModel, one: Placement, other: Placement) -> float:
    return float(np.degrees(rotation_vector(one.R.T @ other.R) @ wheel_of(model).axis.direction))


def off(model: ObjectModel, at: Placement, degrees: float) -> Placement:
    return at.after(*about(wheel_of(model).axis, np.radians(degrees)))


def search_for(model: ObjectModel, truth: Placement, predicted: Placement) -> PictureSearch:
    still = Backdrop(sampled(images_of(wall())), np.full(GRID, 15, np.uint8), np.full(GRID, UNKNOWN, np.uint8))
    known = replace(NOTHING_KNOWN, light=Light(1e4 * np.eye(9), 1e4 * TERMS), terms=TERMS, backdrop=still)
    held = Held(predicted.R, predicted.t, held_loosely(predicted).information)
    memory = Memory(good=50, mean_score=0.9, likeness=0.6, odds=2.0)
    return PictureSearch(model, memory, Shot(model, truth, TERMS, wall()).images.knowing(known), RENDERER, held)


def found_at(search: PictureSearch, at: Placement) -> Found:
    """What a fit says that is as sure of the turn as of all else."""
    fit = fit_at(search.model, at, search.images)
    sure = Information(np.diag(np.repeat([1e4, 1e6], 3)), np.zeros((6, 6)), np.zeros(6))
    return search.judged(replace(fit, information=sure))


def told(model: ObjectModel, found: Found) -> float:
    """Standard deviation of the turn about the axis, degrees, all else unknown."""
    axis = found.fit.placement.R @ wheel_of(model).axis.direction
    spread = np.linalg.inv(found.fit.information.symmetric + 1e-9 * np.eye(6))
    return float(np.degrees(np.sqrt(axis @ spread[:3, :3] @ axis)))


def test_a_hidden_handle_leaves_the_turn_as_it_was_predicted(mug: ObjectModel) -> None:
    predicted = with_handle(mug, (0, 0, 1))
    search = search_for(mug, predicted, predicted)
    found, moved = held_about_axis(search, predicted, SPREAD, found_at(search, off(mug, predicted, 8.0)))
    assert moved is predicted
    assert abs(degrees_about(mug, predicted, found.fit.placement)) < 1.0
    assert told(mug, found) > 60.0


def test_a_handle_that_shows_turns_the_mug(mug: ObjectModel) -> None:
    truth = with_handle(mug, (0.7, 0, -0.7))
    predicted = off(mug, truth, -8.0)
    search = search_for(mug, truth, predicted)
    found, _ = held_about_axis(search, predicted, SPREAD, found_at(search, truth))
    assert abs(degrees_about(mug, truth, found.fit.placement)) < 1.0
    assert told(mug, found) < 5.0


def test_a_turn_that_is_seen_to_be_wrong_is_set_right_and_is_no_motion(mug: ObjectModel) -> None:
    truth = with_handle(mug, (0.9, 0, -0.4))
    predicted = off(mug, truth, 25.0)
    search = search_for(mug, truth, predicted)
    found, moved = held_about_axis(search, predicted, 4 * SPREAD, found_at(search, predicted))
    assert abs(degrees_about(mug, truth, found.fit.placement)) < 4.0
    assert abs(degrees_about(mug, moved, found.fit.placement)) < 1.0


def test_a_turn_far_off_is_set_right_by_two_frames(mug: ObjectModel) -> None:
    truth = with_handle(mug, (0.9, 0, -0.4))
    wrong = off(mug, truth, 110.0)
    search = search_for(mug, truth, wrong)
    found, memory = turned_about_axis(search, search.memory, found_at(search, wrong))
    assert abs(degrees_about(mug, truth, found.fit.placement)) > 90.0
    found, _ = turned_about_axis(search, memory, found)
    assert abs(degrees_about(mug, truth, found.fit.placement)) < 5.0


def test_the_chance_that_a_turn_is_right_is_that_of_a_normal_error(mug: ObjectModel) -> None:
    def of(degrees: float, about_axis: Array) -> float:
        return sureness(mug.wheel, ACROSS, np.radians(degrees) ** 2 * np.outer(about_axis, about_axis) + 1e-9)

    axis = ACROSS.R @ wheel_of(mug).axis.direction
    assert of(20.0, axis) == pytest.approx(0.6827, abs=1e-3)  # within one standard deviation
    assert of(10.0, axis) == pytest.approx(0.9545, abs=1e-3)  # two
    assert of(30.0, np.cross(axis, (0, 0, 1.0))) == pytest.approx(1.0)  # across it nothing is unsure
    assert sureness(None, ACROSS, np.eye(3)) == 1.0


def test_what_was_found_anew_may_be_turned_about_its_axis_alone(mug: ObjectModel) -> None:
    axis = ACROSS.R @ wheel_of(mug).axis.direction
    spread = unknown_about_axis(mug.wheel, ACROSS)
    assert np.degrees(np.sqrt(axis @ spread @ axis)) == pytest.approx(30.0)
    assert np.trace(spread) == pytest.approx(axis @ spread @ axis)
    assert not unknown_about_axis(None, ACROSS).any()
