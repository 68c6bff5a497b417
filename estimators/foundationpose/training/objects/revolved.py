"""Things that were turned or poured: cans, bottles, jars, cups, bowls, cones and whatever a lathe makes."""

import numpy as np

from estimators.foundationpose.training.objects.outlines import AROUND, angles
from estimators.foundationpose.training.objects.patches import Patch, grid_patch
from schemas.arrays import Array


def revolved(profile: Array) -> Patch:
    """A profile turned about z.

    Args:
        profile: (R, 2) radius and height, from the axis below to the axis above, the inside on the left of it.
    """
    angle = angles()
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    rows = np.empty((len(profile), AROUND, 3))
    rows[..., :2] = profile[:, None, :1] * ring
    rows[..., 2] = profile[:, None, 1]
    return grid_patch(rows)


def can(rng: np.random.Generator) -> Array:
    """The profile of a can or tin: rims, a sunken lid."""
    height, rim, sunk = rng.uniform(1.0, 4.0), rng.uniform(0, 0.08), rng.uniform(0, 0.06)
    neck = 1 - rng.uniform(0, 0.15)
    return np.array([
        (0, sunk), (1 - 2 * rim - 0.04, sunk), (1 - rim - 0.02, 0), (1, rim + 0.02), (1, height - rim - 0.1),
        (neck, height), (neck - 0.06, height), (neck - 0.08, height - sunk), (0, height - sunk),
    ])  # fmt: skip


def bottle(rng: np.random.Generator) -> Array:
    """The profile of a bottle or flask: body, shoulder, neck, cap."""
    body, shoulder, neck = rng.uniform(1.5, 4), rng.uniform(0.2, 1.2), rng.uniform(0.2, 1.2)
    slim, cap = rng.uniform(0.2, 0.5), rng.uniform(0.2, 0.5)
    turn = np.linspace(0, np.pi, 9)
    rise = np.stack([(1 + slim) / 2 + (1 - slim) / 2 * np.cos(turn), body + shoulder * turn / np.pi], axis=1)
    waist = 1 - rng.uniform(0, 0.25) * np.sin(np.linspace(0, np.pi, 7)) ** 2
    side = np.stack([waist, np.linspace(0.1, body, 7)], axis=1)
    top, wide = body + shoulder + neck, slim * rng.uniform(1.0, 1.35)
    end = [(slim, top), (wide, top + 0.01), (wide, top + cap), (0, top + cap)]
    return np.concatenate([[(0, 0.08), (0.7, 0.0), (0.95, 0.02)], side, rise[1:], end])


def cup(rng: np.random.Generator) -> Array:
    """The profile of something open above: a cup, bowl, glass, pot."""
    height, flare, wall = rng.uniform(0.5, 3), rng.uniform(-0.15, 0.6), rng.uniform(0.03, 0.14)
    along = np.linspace(0, 1, 8)
    radius = 1 + flare * along ** rng.uniform(0.5, 2) - flare * 0.2
    foot = [(0, 0.03), (radius[0] - 0.08, 0.03), (radius[0] - 0.05, 0)]
    outer = np.stack([radius, 0.04 + along * height], axis=1)
    inner = np.stack([radius - wall, 0.04 + wall + along * (height - wall)], axis=1)[::-1]
    inner[0, 1] = outer[-1, 1] + 0.01  # the rim
    return np.concatenate([foot, outer, inner, [(0, inner[-1, 1])]])


def turned(rng: np.random.Generator) -> Array:
    """The profile of a chess piece, knob, spool or vase: a smooth random curve with steps in it."""
    count = int(rng.integers(4, 9))
    knots = rng.uniform(0.25, 1.0, count)
    at = np.linspace(0, count - 1, 28)
    radius = np.interp(at, np.arange(count), knots)
    if rng.random() < 0.7:
        kernel = np.array([0.25, 0.5, 0.25])
        for _ in range(4):
            radius[1:-1] = np.convolve(radius, kernel, "valid")
    heights = np.linspace(0, rng.uniform(0.8, 4), 28)
    middle = np.stack([radius, heights], axis=1)
    return np.concatenate([[(0, 0)], middle, [(0, heights[-1])]])


def cone(rng: np.random.Generator) -> Array:
    """The profile of a cone or of one that was cut off."""
    top = rng.choice([0.02, rng.uniform(0.1, 0.9)])
    height = rng.uniform(0.8, 3)
    along = np.linspace(0, 1, 6)
    return np.concatenate([[(0, 0)], np.stack([1 + (top - 1) * along, height * along], axis=1), [(0, height)]])
