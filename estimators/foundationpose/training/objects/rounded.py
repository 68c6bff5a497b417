"""Superquadrics (Barr 1981): from boxes over cylinders and balls to octahedra, by two exponents; and lumps of them."""

import numpy as np

from estimators.foundationpose.training.objects.outlines import AROUND, angles
from estimators.foundationpose.training.objects.patches import Patch, grid_patch
from schemas.arrays import Array

_LEVELS = 25


def superquadric(half: Array, upright: float, around: float) -> Patch:
    """A superquadric about the origin.

    Args:
        half: (3,) half of its size along x, y, z.
        upright: Exponent of its outline seen from the side: near 0 a box, 1 a ball, 2 a double cone.
        around: Exponent of its outline seen from above.
    """
    slope = np.linspace(-np.pi / 2, np.pi / 2, _LEVELS)[:, None]
    turn = angles()[None]
    flat = _power(np.cos(slope), upright)
    flat[[0, -1]] = 0.0  # the poles are one point each
    x, y = flat * _power(np.cos(turn), around), flat * _power(np.sin(turn), around)
    z = np.broadcast_to(_power(np.sin(slope), upright), (_LEVELS, AROUND))
    return grid_patch(np.stack([x, y, z], axis=-1) * half)


def displaced(patch: Patch, depth: float, waves: float, rng: np.random.Generator) -> Patch:
    """A surface moved in and out along the rays from its middle by smooth noise: fruit, stones, plush.

    Args:
        patch: Every ray from the origin crosses it once.
        depth: Standard deviation of the move over the distance to the middle.
        waves: How many of its waves go into the surface's size.
        rng: Of the noise.
    """
    size = np.abs(patch.points).max()
    shift = solid_noise(patch.points / size, waves, rng)
    return Patch(patch.points * np.clip(1 + depth * shift, 0.4, 1.8)[:, None], patch.faces, patch.uv, patch.aspect)


def solid_noise(points: Array, waves: float, rng: np.random.Generator) -> Array:
    """(V,) float64 smooth noise in space of standard deviation 1: a sum of 24 plane waves.

    Args:
        points: (V, 3).
        waves: Waves a unit of length.
        rng: Of directions and phases.
    """
    directions = rng.normal(size=(24, 3))
    directions *= np.pi * waves * rng.uniform(0.5, 1.5, (24, 1)) / np.linalg.norm(directions, axis=1, keepdims=True)
    phases = rng.uniform(0, 2 * np.pi, 24)
    return np.sin(points @ directions.T + phases).sum(axis=1) / np.sqrt(12)


def _power(value: Array, exponent: float) -> Array:
    return np.sign(value) * np.abs(value) ** exponent
