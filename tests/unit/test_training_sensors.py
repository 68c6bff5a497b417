"""Depth cameras: their errors are those that were published for them."""

import numpy as np
import pytest

from estimators.foundationpose.training.sensors import (
    SENSORS,
    Shot,
    correlated,
    parallax_shadow,
    patches,
    perfect,
    stereo,
    structured_light,
    time_of_flight,
)

SIZE = (480, 640)
FOCAL_PX = 600.0


def wall(z_m: float, brightness: float = 0.5, facing: float = 1.0) -> Shot:
    flat = np.ones(SIZE, np.float32)
    return Shot(flat * z_m, flat * facing, flat * brightness, FOCAL_PX)


def error_m(sensor, shot: Shot) -> np.ndarray:
    measured = sensor(shot, np.random.default_rng(0))
    known = measured > 0
    assert known.mean() > 0.9
    return measured[known] - shot.depth_m[known]


@pytest.mark.parametrize("z_m", [0.5, 1.0, 2.0])
def test_structured_light_errs_as_nguyen_measured(z_m: float) -> None:
    wanted_m = np.hypot(0.0012 + 0.0019 * (z_m - 0.4) ** 2, 0.0028 * z_m**2 / 12**0.5)  # with its steps
    errors = error_m(structured_light, wall(z_m))
    assert errors.std() == pytest.approx(wanted_m, rel=0.2)


@pytest.mark.parametrize("z_m", [0.5, 1.0, 2.0])
def test_stereo_errs_by_a_share_of_a_pixel_of_disparity(z_m: float) -> None:
    wanted_m = 0.08 * z_m**2 / (FOCAL_PX * 0.05)
    errors = error_m(stereo, wall(z_m))
    assert errors.std() == pytest.approx(wanted_m, rel=0.2)
    assert abs(errors.mean()) < 0.3 * wanted_m


def test_time_of_flight_errs_more_where_less_light_comes_back() -> None:
    near, far, dark = (error_m(time_of_flight, shot).std() for shot in (wall(1.0), wall(2.0), wall(1.0, 0.05)))
    assert near == pytest.approx(0.001, rel=0.3)
    assert far == pytest.approx(4 * near, rel=0.3)
    assert dark > 3 * near


def test_time_of_flight_has_pixels_that_fly_between_surfaces_and_a_laser_has_none() -> None:
    depth_m = np.full(SIZE, 1.5, np.float32)
    depth_m[100:300, 200:400] = 1.0
    shot = Shot(depth_m, np.ones(SIZE, np.float32), np.full(SIZE, 0.6, np.float32), FOCAL_PX)
    measured = time_of_flight(shot, np.random.default_rng(2))
    flying = (measured > 1.05) & (measured < 1.45)
    assert 200 < flying.sum() < 4000
    assert flying[110:290, 210:390].sum() == 0
    assert np.array_equal(perfect(shot, np.random.default_rng(2)), depth_m)


def test_steep_and_dark_surfaces_are_lost_to_structured_light() -> None:
    for shot in (wall(1.0, brightness=0.0), wall(1.0, facing=0.05)):
        assert (structured_light(shot, np.random.default_rng(0)) == 0).mean() > 0.7


def test_the_side_that_the_second_eye_does_not_see_is_dark() -> None:
    depth_m = np.full((20, 200), 2.0, np.float32)
    depth_m[:, 80:120] = 1.0
    shadow = parallax_shadow(FOCAL_PX * 0.05, depth_m)
    columns = np.flatnonzero(shadow[10])
    # hidden are those left of the near thing: 30 px of disparity before, 15 behind
    assert columns.max() == 79
    assert len(columns) == pytest.approx(15, abs=1)


@pytest.mark.parametrize("name", SENSORS)
def test_every_camera_is_seeded_finite_and_blind_where_nothing_is(name: str) -> None:
    sensor = SENSORS[name][1]
    shot = wall(0.8)
    shot.depth_m[:50] = 0
    first, again = (sensor(shot, np.random.default_rng(4)) for _ in range(2))
    assert first.tobytes() == again.tobytes()
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert (first[:48] == 0).mean() > 0.99


def test_noise_has_the_spread_that_is_asked_for() -> None:
    for sigma_px in (0.6, 1.0, 2.5):
        assert correlated(SIZE, sigma_px, np.random.default_rng(0)).std() == pytest.approx(1.0, rel=0.1)
    assert patches(SIZE, 0.03, np.random.default_rng(0)).mean() == pytest.approx(0.03, abs=0.01)
