"""Depth with many single pixels missing."""

import numpy as np

from estimators.geometric.holes import filled
from schemas.arrays import Array

WALL = np.broadcast_to(np.linspace(0.6, 0.8, 160, dtype=np.float32), (120, 160)).copy()


def riddled(depth_m: Array, share: float) -> Array:
    return np.where(np.random.default_rng(0).random(depth_m.shape) < share, np.float32(0), depth_m)


def test_every_second_pixel_missing_is_filled_from_the_surface_around() -> None:
    depth_m = riddled(WALL, 0.5)
    found = filled(depth_m)
    assert (found > 0).mean() > 0.9
    assert (found[depth_m > 0] == depth_m[depth_m > 0]).all()
    assert np.abs(found - WALL)[found > 0].max() < 0.002  # a pixel's step is 1.3 mm


def test_nothing_is_put_between_two_surfaces() -> None:
    step = WALL.copy()
    step[:, 80:] = 0.5
    found = filled(riddled(step, 0.5))
    off = np.minimum(np.abs(found - WALL), np.abs(found - 0.5))
    assert off[found > 0].max() < 0.002


def test_wide_holes_stay_and_depth_with_few_holes_is_left_as_it_is() -> None:
    depth_m = riddled(WALL, 0.5)
    depth_m[40:80, 60:100] = 0
    assert not filled(depth_m)[41:79, 61:99].any()
    few = riddled(WALL, 0.02)
    assert filled(few) is few
    nothing = np.zeros_like(WALL)
    assert filled(nothing) is nothing
