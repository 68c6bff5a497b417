"""The nearest measured point of a window is found without looking at all of it."""

import numpy as np
import pytest

from estimators.geometric.match import match
from schemas.arrays import Array

CAM = np.array([300.0, 310.0, 80.0, 60.0])
SHAPE = (120, 160)
OCCLUDER_M, BESIDE_M = 0.03, 0.01


def nearest(point: Array, depth: Array, search: Array) -> Array | None:
    """By looking at every pixel of the window: the point, None where there is none or something hides it."""
    x, y, z = point
    u, v = round(x / z * CAM[0] + CAM[2]), round(y / z * CAM[1] + CAM[3])
    stride = max(1, int(search[1] * CAM[0] / z))
    steps = (int(search[0] * CAM[0] / z) + 1) // stride
    best, found = search[0], None
    for a in range(-steps, steps + 1):
        for b in range(-steps, steps + 1):
            row, column = v + a * stride, u + b * stride
            if not (0 <= row < SHAPE[0] and 0 <= column < SHAPE[1] and depth[row, column] > 0):
                continue
            d = float(depth[row, column])
            if d < z - OCCLUDER_M and np.hypot(a, b) * stride <= BESIDE_M * CAM[0] / z:
                return None
            seen = np.array([(column - CAM[2]) / CAM[0] * d, (row - CAM[3]) / CAM[1] * d, d])
            if np.linalg.norm(seen - point) < best:
                best, found = float(np.linalg.norm(seen - point)), seen
    return found


def scene(rng: np.random.Generator) -> Array:
    """A wavy wall half a metre away with holes and a nearer strip."""
    v, u = np.indices(SHAPE)
    depth = 0.5 + 0.03 * np.sin(u / 9.0) + 0.02 * np.cos(v / 7.0)
    depth[:, 100:112] -= 0.1
    depth[rng.random(SHAPE) < 0.4] = 0.0
    return depth.astype(np.float32)


@pytest.mark.parametrize("search", [(0.07, 0.009), (0.03, 0.0075), (0.015, 0.00375)])
def test_matches_are_those_of_a_search_through_every_pixel_of_the_window(search: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    depth, points = scene(rng), rng.uniform([-0.15, -0.12, -0.06], [0.15, 0.12, 0.06], (300, 3))
    t, out = np.array([0.0, 0.0, 0.5]), np.zeros((300, 4))
    count = match(points, np.eye(3), t, depth, CAM, np.array(search), out)
    wanted = [nearest(point + t, depth, np.array(search)) for point in points]
    assert count == sum(one is not None for one in wanted)
    assert 60 < count < 300  # some are hidden, or have nothing near
    for found, one in zip(out, wanted, strict=True):
        assert bool(found[3]) == (one is not None)
        if one is not None:
            np.testing.assert_allclose(found[:3], one, atol=1e-9)  # rounding
