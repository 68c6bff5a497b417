"""Closed curves of the plane, from polygons to gears, and how often each looks the same as it is turned."""

from dataclasses import dataclass

import numpy as np

from schemas.arrays import Array

AROUND = 48
"""Points of an outline."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A curve around the origin that every ray from there crosses once.

    Attributes:
        radii: (AROUND,) float64, at even angles.
        fold: It is the same after a turn by 1 / fold; 0 for a circle.
    """

    radii: Array
    fold: int

    def points(self) -> Array:
        """(AROUND, 2), counter-clockwise."""
        angle = angles()
        return self.radii[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def angles() -> Array:
    """(AROUND,) radians, from 0, even."""
    return np.arange(AROUND) * (2 * np.pi / AROUND)


def circle() -> Outline:
    """Of radius 1."""
    return Outline(np.ones(AROUND), 0)


def polygon(sides: int) -> Outline:
    """A regular polygon within a circle of radius 1; corners fall on points where sides divides AROUND."""
    step = 2 * np.pi / sides
    within = np.mod(angles(), step) - step / 2
    return Outline(np.cos(step / 2) / np.cos(within), sides)


def squircle(power: float) -> Outline:
    """|x|^power + |y|^power = 1 (Lamé): a rounded square for powers above 2."""
    angle = angles()
    return Outline((np.abs(np.cos(angle)) ** power + np.abs(np.sin(angle)) ** power) ** (-1 / power), 4)


def star(rng: np.random.Generator) -> Outline:
    """Of 3 to 12 waves or teeth."""
    fold = int(rng.choice([3, 4, 6, 8, 12]))
    depth = rng.uniform(0.08, 0.45)
    wave = np.cos(fold * angles())
    if rng.random() < 0.4:
        wave = np.sign(wave + 1e-9)  # teeth
    return Outline(1 - depth * (1 - wave) / 2, fold)


def blob(rng: np.random.Generator) -> Outline:
    """A smooth curve without symmetry."""
    angle, radii = angles(), np.ones(AROUND)
    for k in range(1, 5):
        radii = radii + rng.uniform(-0.3, 0.3) / k * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    return Outline(np.clip(radii, 0.3, None), 1)


def any_outline(rng: np.random.Generator) -> Outline:
    """One of all kinds."""
    kind = rng.integers(5)
    if kind == 0:
        return circle()
    if kind == 1:
        return polygon(int(rng.choice([3, 4, 6, 8])))
    if kind == 2:
        return squircle(rng.uniform(2.5, 8))
    return star(rng) if kind == 3 else blob(rng)
