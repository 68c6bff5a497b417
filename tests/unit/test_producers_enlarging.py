"""Depth of fewer pixels than the colour picture."""

import numpy as np
import pytest

from producers.sources.enlarging import enlarged, fits
from schemas.arrays import Array

SIZE = (120, 160)


def plane(size: tuple[int, int], normal: tuple[float, float, float], distance_m: float = 0.7) -> Array:
    """Depth in metres of the plane n . x = d, seen by a camera of 60 degrees."""
    height, width = size
    focal = width / (2 * np.tan(np.radians(30)))
    x = (np.arange(width) - (width - 1) / 2) / focal
    y = (np.arange(height) - (height - 1) / 2) / focal
    a, b, c = normal
    return distance_m * c / (a * x[None, :] + b * y[:, None] + c)


def millimetres(depth_m: Array) -> Array:
    return np.rint(depth_m * 1000).astype(np.uint16)


@pytest.mark.parametrize("share", [2, 3, 4])
@pytest.mark.parametrize("normal", [(0, 0, 1), (0.5, 0, 1), (-0.3, 0.4, 1)])
def test_a_plane_stays_the_plane_to_a_millimetre(share: int, normal: tuple[float, float, float]) -> None:
    size = (480, 672)
    small = plane((size[0] // share, size[1] // share), normal)
    found = enlarged(np.rint(small * 10_000).astype(np.uint16), size) / 10_000  # 0.1 mm a step
    assert np.abs(found - plane(size, normal)).max() < 0.0005
    assert np.abs(enlarged(millimetres(small), size) / 1000 - plane(size, normal)).max() < 0.0016  # two roundings


def test_a_step_gets_no_value_between_its_surfaces() -> None:
    near, far = 700, 760
    for column in (30, 31):
        small = np.full((60, 80), far, np.uint16)
        small[:, :column] = near
        found = enlarged(small, SIZE)
        assert set(np.unique(found)) == {near, far}
        assert (found[:, : 2 * column] == near).all()
        assert (found[:, 2 * column :] == far).all()


def test_a_step_between_slanted_surfaces_keeps_to_both() -> None:
    left, right = (millimetres(plane((60, 80), (0.3, 0.1, 1), distance)) for distance in (0.6, 0.9))
    edge = np.arange(80)[None, :] < 40 + (np.arange(60) // 4)[:, None]
    found = enlarged(np.where(edge, left, right), SIZE) / 1000
    off = np.minimum(*(np.abs(found - plane(SIZE, (0.3, 0.1, 1), distance)) for distance in (0.6, 0.9)))
    assert off.max() < 0.005  # a quarter of a pixel along the slant, where the nearest value stands
    assert np.median(off) < 0.0005


def test_what_is_unknown_stays_so_and_does_not_spread() -> None:
    small = np.full((60, 80), 800, np.uint16)
    small[20:30, 40:50] = 0
    small[5, 7] = 0
    found = enlarged(small, SIZE)
    assert set(np.unique(found)) == {0, 800}
    assert ((found == 0) == np.kron(small == 0, np.ones((2, 2), np.bool_))).all()
    assert not enlarged(np.zeros((60, 80), np.uint16), SIZE).any()


def test_the_largest_value_is_not_passed() -> None:
    small = np.full((60, 80), 0xFFFF, np.uint16)
    small[0] = 0xFFFF - 600
    found = enlarged(small, SIZE)
    assert found.min() >= 0xFFFF - 800
    assert (found[4:] == 0xFFFF).all()


@pytest.mark.parametrize(
    ("small", "fit"),
    [((60, 80), True), ((40, 53), False), ((120, 160), False), ((240, 320), False), ((3, 4), True), ((80, 60), False)],
)
def test_only_smaller_images_of_the_same_shape_fit(small: tuple[int, int], fit: bool) -> None:
    assert fits(small, SIZE) is fit
