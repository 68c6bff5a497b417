"""The light on an object, learned from pictures of a plain ball."""

import numpy as np
import pytest
import trimesh

from estimators.geometric.learn_by_picture import light_after
from estimators.geometric.light import PLAIN, Light, basis, shaded
from estimators.geometric.model import ObjectModel
from estimators.geometric.placement import Placement
from schemas.arrays import Array
from tests.unit.picture_scene import Shot, images_of, plain, seen_at

TERMS = np.array([0.7, 0.25, -0.15, -0.1, 0.04, 0.0, 0.02, 0.0, -0.03])
AT = Placement(np.eye(3), np.array([0.02, -0.01, 0.5]))
BLACK = np.zeros((240, 320, 3), np.uint8)


@pytest.fixture(scope="module")
def ball() -> ObjectModel:
    return plain(trimesh.creation.icosphere(4, 0.05))


def learned(ball: ObjectModel, rgb: Array, before: Light | None) -> Light:
    look = seen_at(ball, AT, images_of(rgb))
    light = light_after(look, AT, before, np.ones(len(look.points), np.bool_))
    assert light is not None
    return light


def off(one: Array, other: Array) -> float:
    """The largest relative difference of brightness on what a camera sees of a ball."""
    grid = np.stack(np.meshgrid(np.linspace(-0.8, 0.8, 15), np.linspace(-0.8, 0.8, 15)), axis=-1).reshape(-1, 2)
    grid = grid[(grid**2).sum(axis=1) < 0.7]
    Y = basis(np.column_stack([grid, -np.sqrt(1 - (grid**2).sum(axis=1))]))
    return float(np.abs((Y @ one) / (Y @ other) - 1).max())


def test_the_light_on_a_ball_is_recovered(ball: ObjectModel) -> None:
    light = learned(ball, Shot(ball, AT, TERMS, BLACK).rgb, None)
    assert off(PLAIN, TERMS) > 0.3  # what is there to be learned
    assert off(light.terms, TERMS) < 0.1  # what few points show is held even on purpose


def test_a_light_survives_its_bytes(ball: ObjectModel) -> None:
    light = learned(ball, Shot(ball, AT, TERMS, BLACK).rgb, None)
    data = light.pack()
    again = Light.unpack(data)
    assert again is not None
    assert len(data) == 360
    assert again.pack() == data
    assert off(again.terms, light.terms) < 1e-4  # single precision
    assert Light.unpack(b"") is None


def test_a_frame_of_a_wrong_pose_does_not_change_the_light(ball: ObjectModel) -> None:
    rgb = Shot(ball, AT, TERMS, BLACK).rgb
    before = learned(ball, rgb, None)
    assert learned(ball, rgb // 3, before) is before  # three times darker: 0.9 of a logarithm
    half = rgb.copy()
    half[:, 172:] //= 3
    assert off(learned(ball, half, before).terms, before.terms) < 0.05  # the half that is as it was counts anew
    assert off(learned(ball, half, None).terms, before.terms) > 0.2


def test_the_light_follows_a_lamp_that_is_turned_down_a_little(ball: ObjectModel) -> None:
    light = learned(ball, Shot(ball, AT, TERMS, BLACK).rgb, None)
    for _ in range(100):
        light = learned(ball, Shot(ball, AT, 0.8 * TERMS, BLACK).rgb, light)
    assert off(light.terms, TERMS) > 0.1
    assert off(light.terms, 0.8 * TERMS) < 0.1


def test_a_light_that_was_not_learned_shows_a_mesh_as_it_is(ball: ObjectModel) -> None:
    look = seen_at(ball, AT, images_of(BLACK))
    assert (shaded(look.picture, look.normal, PLAIN)[look.mask] == look.picture[look.mask]).all()
    assert light_after(look, AT, None, np.zeros(len(look.points), np.bool_)) is None
