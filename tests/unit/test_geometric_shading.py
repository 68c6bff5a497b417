"""The tilt of plain objects, told by nothing but the light on them."""

import numpy as np
import pytest
import trimesh

from estimators.geometric.fit_by_picture import held_loosely
from estimators.geometric.model import ObjectModel
from estimators.geometric.motion import rotation_vector
from estimators.geometric.placement import Placement
from estimators.geometric.shading import shading_of, shading_rows
from estimators.geometric.solve import turn_by
from schemas.arrays import Array
from tests.unit.picture_scene import Shot, plain, seen_at, turned

TERMS = np.array([0.7, 0.3, -0.2, -0.15, 0.0, 0.0, 0.0, 0.0, 0.0])
NOTHING_ASIDE = np.zeros((136, 136), np.bool_)
MIDDLE = np.array([0.01, -0.01, 0.5])


def equations(model: ObjectModel, at: Placement, shot: Shot) -> tuple[Array, Array]:
    """(6, 6) information and (6,) pull of the brightness at a placement."""
    shading = shading_of(seen_at(model, at, shot.images), at, shot.terms, NOTHING_ASIDE)
    H, g = np.zeros((6, 6)), np.zeros(6)
    shading_rows(shading, at.R, at.t, H, g)
    return np.tril(H) + np.tril(H, -1).T, g


def lit(model: ObjectModel, start: Placement, shot: Shot) -> Placement:
    """A start after six steps by brightness alone, held loosely where each step begins, as in a fit."""
    at = start
    for _ in range(6):
        H, g = equations(model, at, shot)
        step = np.linalg.solve(H + held_loosely(at).information, g)
        R = at.R.copy()
        turn_by(step[:3], R)
        at = Placement(R, at.t + step[3:])
    return at


def degrees(one: Array, other: Array) -> float:
    return float(np.degrees(np.arccos(np.clip(one @ other, -1, 1))))


@pytest.mark.parametrize("axis", [(2, 3, 0), (1, 0, 2)])  # across the light: turns about it are not seen
def test_a_tilted_box_turns_to_the_light(axis: tuple[float, float, float]) -> None:
    box = plain(trimesh.creation.box((0.1, 0.08, 0.06)))
    truth = Placement(turned((1, 1, 0), 35.0), MIDDLE)
    shot = Shot(box, truth, TERMS, np.zeros((240, 320, 3), np.uint8))
    start = Placement(turned(axis, 6.0) @ truth.R, truth.t)
    found = lit(box, start, shot)
    assert np.degrees(np.linalg.norm(rotation_vector(found.R @ truth.R.T))) < 4.0  # of six


def cylinder() -> tuple[ObjectModel, Placement, Shot]:
    model = plain(trimesh.creation.cylinder(0.04, 0.12, sections=96))
    truth = Placement(turned((1, 0.2, 0), 70.0), MIDDLE)
    return model, truth, Shot(model, truth, TERMS, np.zeros((240, 320, 3), np.uint8))


def test_a_tilted_cylinder_turns_to_the_light_but_not_about_its_axis() -> None:
    model, truth, shot = cylinder()
    start = Placement(turned((0, 0, 1), 6.0) @ truth.R, truth.t)
    found = lit(model, start, shot)
    assert degrees(found.R[:, 2], truth.R[:, 2]) < 3.0  # of six
    along = rotation_vector(found.R @ start.R.T) @ truth.R[:, 2]
    assert abs(np.degrees(along)) < 0.5


def test_light_knows_next_to_nothing_of_a_cylinders_turn_about_its_axis() -> None:
    model, truth, shot = cylinder()
    turn = equations(model, truth, shot)[0][:3, :3]
    axis = truth.R[:, 2]
    across = np.cross(axis, [1.0, 0.0, 0.0]) / np.linalg.norm(np.cross(axis, [1.0, 0.0, 0.0]))
    assert axis @ turn @ axis < 0.02 * (across @ turn @ across)


def test_without_light_that_comes_from_somewhere_a_turn_changes_nothing() -> None:
    ball = plain(trimesh.creation.icosphere(4, 0.05))
    shot = Shot(ball, Placement(np.eye(3), MIDDLE), TERMS, np.zeros((240, 320, 3), np.uint8))
    H, _ = equations(ball, Placement(np.eye(3), MIDDLE), shot)
    assert np.sqrt(1 / np.linalg.eigvalsh(H[:3, :3] + 1e-3 * np.eye(3)).max()) > np.radians(3.0)
