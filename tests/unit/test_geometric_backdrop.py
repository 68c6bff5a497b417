"""What stands still before a camera that stands still."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import trimesh

from estimators.geometric.backdrop import (
    BEHIND,
    FRONT,
    GRID,
    STILL_BEHIND,
    STILL_FRONT,
    Backdrop,
    gain,
    moved,
    shown,
)
from estimators.geometric.backdrop_grid import sampled
from estimators.geometric.learn_by_picture import backdrop_after
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.placement import Placement
from estimators.geometric.recall import recalled
from schemas.arrays import Array
from tests.unit.picture_scene import EVEN, Shot, fit_at, images_of, plain, turned, wall

TURN = turned((1, 1, 0), 30.0)
LEFT, RIGHT = (Placement(TURN, np.array([x, 0.0, 0.6])) for x in (-0.15, 0.15))
BAR = (slice(None), slice(226, 242))  # in front of the middle of what is at RIGHT
BAR_SMALL = (slice(50, 70), slice(115, 119))


@pytest.fixture(scope="module")
def box() -> ObjectModel:
    return plain(trimesh.creation.box((0.1, 0.1, 0.1)), (230, 230, 30))


def learned(box: ObjectModel, at: Placement, rgb: Array, before: Backdrop | None) -> Backdrop:
    """The backdrop after a frame, by way of its bytes as in tracking."""
    images = images_of(rgb)
    if before is not None:
        images = images.knowing(recalled(Memory(backdrop=before.pack()), images))
    return backdrop_after(images.known.backdrop, images, fit_at(box, at, images), box.mesh.diameter_m)


def shot(box: ObjectModel, at: Placement, *, bar: bool = False) -> Array:
    rgb = Shot(box, at, EVEN, wall()).rgb.copy()
    if bar:
        rgb[BAR] = (50, 50, 60)
    return rgb


def stood(box: ObjectModel, *, bar: bool = False, frames: int = 4) -> Backdrop:
    backdrop = learned(box, LEFT, shot(box, LEFT, bar=bar), None)
    for _ in range(frames - 1):
        backdrop = learned(box, LEFT, shot(box, LEFT, bar=bar), backdrop)
    return backdrop


def test_what_stands_is_learned_but_not_what_is_about_the_object(box: ObjectModel) -> None:
    backdrop = stood(box)
    assert (backdrop.age[:, 90:] == 4).mean() > 0.95  # a JPEG loses some
    assert (backdrop.age[55:65, 35:50] == 0).all()  # the object is at column 42 or so
    off = backdrop.rgb[:, 90:].astype(float) - sampled(images_of(wall()))[:, 90:]
    assert abs(off).mean() < 3.0
    images = images_of(shot(box, LEFT))
    assert (shown(backdrop, sampled(images), 1.0)[:, 90:] > 0).mean() > 0.9


def test_what_passes_is_not_learned(box: ObjectModel) -> None:
    backdrop = stood(box)
    for k in range(5):
        rgb = shot(box, LEFT)
        rgb[20:60, 200 + 20 * k : 220 + 20 * k] = (230, 60, 60)
        here = (slice(11, 29), slice(101 + 10 * k, 109 + 10 * k))
        assert not shown(backdrop, sampled(images_of(rgb)), 1.0)[here].any()
        before = backdrop.age[here]
        backdrop = learned(box, LEFT, rgb, backdrop)
        assert (backdrop.age[here] == np.maximum(before, 1) - 1).all()
    off = backdrop.rgb[11:29, 101:149].astype(float) - sampled(images_of(wall()))[11:29, 101:149]
    assert abs(off).mean() < 6.0


def test_what_came_and_stays_is_learned_anew(box: ObjectModel) -> None:
    backdrop, rgb = stood(box), shot(box, LEFT)
    rgb[20:60, 200:260] = (230, 60, 60)
    for _ in range(8):
        backdrop = learned(box, LEFT, rgb, backdrop)
    assert abs(backdrop.rgb[15:25, 105:125].astype(float) - [230, 60, 60]).mean() < 6.0
    assert (shown(backdrop, sampled(images_of(rgb)), 1.0)[15:25, 105:125] > 0).mean() > 0.9


def test_a_camera_that_moved_is_told_from_one_that_stands(box: ObjectModel) -> None:
    backdrop, rgb = stood(box), shot(box, RIGHT)
    noisy = np.clip(rgb + np.random.default_rng(0).normal(0, 3, rgb.shape), 0, 255).astype(np.uint8)
    darker = (rgb * 0.7).astype(np.uint8)
    for still in (rgb, noisy, darker):
        assert not moved(backdrop, sampled(images_of(still)))
    shifted = np.roll(rgb, 50, axis=1)
    assert moved(backdrop, sampled(images_of(shifted)))
    assert recalled(Memory(backdrop=backdrop.pack()), images_of(shifted)).backdrop is None


@pytest.mark.parametrize("exposure", [0.7, 1.0, 1.25])
def test_the_exposure_is_known_by_what_stands(box: ObjectModel, exposure: float) -> None:
    backdrop = stood(box)
    small = sampled(images_of(np.clip(shot(box, RIGHT) * exposure, 0, 255).astype(np.uint8)))
    level = gain(backdrop, small)
    assert level == pytest.approx(exposure, rel=0.05)  # the floor of the logarithm hides some of it
    assert (shown(backdrop, small, level) > 0).mean() > 0.6


def test_what_hides_the_object_is_in_front_and_what_it_hides_is_behind(box: ObjectModel) -> None:
    backdrop = stood(box, bar=True)
    for _ in range(2):
        backdrop = learned(box, RIGHT, shot(box, RIGHT, bar=True), backdrop)
    assert (backdrop.place[BAR_SMALL] == FRONT).mean() > 0.9
    beside = (slice(55, 65), slice(104, 110))
    assert (backdrop.place[beside] == BEHIND).mean() > 0.9
    assert not backdrop.place[:, 145:].any()
    after = shown(backdrop, sampled(images_of(shot(box, LEFT, bar=True))), 1.0)
    assert (after[BAR_SMALL] == STILL_FRONT).mean() > 0.9
    assert (after[beside] == STILL_BEHIND).mean() > 0.7


def test_what_stands_is_known_again_after_its_bytes_whatever_its_colours() -> None:
    rng = np.random.default_rng(3)
    patches = rng.integers(5, 250, (40, 40, 3), dtype=np.uint8)  # of eight pixels of a frame, two of the grid
    behind = cv2.resize(patches, (320, 240), interpolation=cv2.INTER_NEAREST)
    small = sampled(images_of(behind))
    kept = Backdrop.unpack(Backdrop(small, np.full(GRID, 9, np.uint8), np.full(GRID, BEHIND, np.uint8)).pack())
    assert kept is not None
    assert (shown(kept, small, 1.0) == STILL_BEHIND).mean() > 0.9


def test_a_backdrop_survives_its_bytes(box: ObjectModel) -> None:
    backdrop = stood(box)
    place = np.arange(GRID[0] * GRID[1], dtype=np.uint8).reshape(GRID) % 4
    backdrop = replace(backdrop, place=place, age=(backdrop.age * 3).astype(np.uint8))
    again = Backdrop.unpack(backdrop.pack())
    assert again is not None
    assert (again.age == backdrop.age).all()
    assert (again.place == place).all()
    assert abs(again.rgb.astype(float) - backdrop.rgb).mean() < 4.0  # a JPEG
    assert len(backdrop.pack()) < 20_000
    assert Backdrop.unpack(b"") is None
