"""Solids put together from others by signed distance: smoothly joined, cut, bored, hollowed out."""

import numpy as np

from estimators.foundationpose.training.objects.rounded import solid_noise
from estimators.reconstruction.nets import surface_net
from schemas.arrays import Array

_STEPS = 40
_LEAST_FACES, _LEAST_REACH = 200, 0.3


def constructed(rng: np.random.Generator) -> tuple[Array, Array]:
    """A solid of 2 to 5 parts, some of them cut away.

    Returns:
        (V, 3) float64 and (F, 3), within about -1 to 1.
    """
    while True:  # now and then nearly nothing is left
        vertices, faces = _left(rng)
        if len(faces) >= _LEAST_FACES and np.ptp(vertices, axis=0).max() >= _LEAST_REACH:
            return vertices, faces


def _left(rng: np.random.Generator) -> tuple[Array, Array]:
    line = np.linspace(-1.25, 1.25, _STEPS)
    points = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
    distance = _part(points, rng, 0.55)
    for _ in range(int(rng.integers(1, 4))):
        distance = _smooth_least(distance, _part(points, rng, 0.4), rng.uniform(0.005, 0.2))
    for _ in range(int(rng.integers(0, 3))):
        distance = np.maximum(distance, -_part(points, rng, 0.3))
    if rng.random() < 0.3:
        distance = np.maximum(distance, -(distance + rng.uniform(0.12, 0.2)))  # a shell, where it is cut below
        distance = np.maximum(distance, points @ _unit(rng) - rng.uniform(0.0, 0.3))
    if rng.random() < 0.3:
        distance = distance + 0.03 * solid_noise(points, rng.uniform(1, 4), rng)
    grid = distance.reshape(_STEPS, _STEPS, _STEPS)
    _close(grid)
    vertices, faces = surface_net(grid.astype(np.float32), np.ones(grid.shape, np.bool_))
    return vertices * (line[1] - line[0]) + line[0], faces.astype(np.int64)


def _part(points: Array, rng: np.random.Generator, reach: float) -> Array:
    """Signed distance of a ball, box, cylinder or ring at a random place (after Quilez, "Distance functions")."""
    local = (points - rng.uniform(-reach, reach, 3)) @ _turn(rng)
    size = rng.uniform(0.15, 0.6, 3)
    kind = rng.integers(4)
    if kind == 0:
        scaled = np.linalg.norm(local / size, axis=1)
        return (scaled - 1) * size.min()
    if kind == 1:
        beyond = np.abs(local) - size
        return np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(axis=1), 0)
    round_ = np.hypot(local[:, 0], local[:, 1])
    if kind == 2:
        beyond = np.stack([round_ - size[0], np.abs(local[:, 2]) - size[1]], axis=1)
        return np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(axis=1), 0)
    return np.hypot(round_ - 0.25 - size[0] * 0.6, local[:, 2]) - 0.08 - 0.2 * size[1]


def _smooth_least(a: Array, b: Array, blend: float) -> Array:
    """The smaller of two, rounded where they are within ``blend`` (Quilez, "Smooth minimum", quadratic)."""
    near = np.maximum(blend - np.abs(a - b), 0) / blend
    return np.minimum(a, b) - near * near * blend / 4


def _close(grid: Array) -> None:
    """Nothing reaches the grid's border."""
    for axis in range(3):
        sides = np.moveaxis(grid, axis, 0)
        sides[[0, -1]] = np.maximum(sides[[0, -1]], 0.01)


def _unit(rng: np.random.Generator) -> Array:
    vector = rng.normal(size=3)
    return vector / np.linalg.norm(vector)


def _turn(rng: np.random.Generator) -> Array:
    """(3, 3): along the axes in half of the cases, anyhow in the others."""
    if rng.random() < 0.5:
        return np.eye(3)[rng.permutation(3)]
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q
