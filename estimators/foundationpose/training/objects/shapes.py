"""Shapes of objects by the ten thousand: what people hold, put on tables and screw into things, in code."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from estimators.foundationpose.training.objects import assembled, revolved
from estimators.foundationpose.training.objects.outlines import any_outline, circle, polygon, squircle
from estimators.foundationpose.training.objects.patches import Patch, unwrapped
from estimators.foundationpose.training.objects.rounded import displaced, superquadric
from estimators.foundationpose.training.objects.solids import constructed
from estimators.foundationpose.training.objects.swept import frame, prism, wire
from estimators.foundationpose.training.objects.turns import about_axis, box_turns, folded
from schemas.arrays import Array

SMALLEST_M, LARGEST_M = 0.02, 0.6
"""Of the longest side of a shape."""
IDENTITY = np.eye(3)[None]


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A closed surface about the middle of its bounding box.

    Attributes:
        patch: Metres.
        turns: (S, 3, 3) float64, the identity first: turns about the middle that leave it as it is.
        upright_turns: Those of them about z, which leave it as it is also where its colour depends on height alone.
        family: What it is called.
    """

    patch: Patch
    turns: Array
    upright_turns: Array
    family: str


_Parts = tuple[Patch, Array, Array]


def random_size_m(rng: np.random.Generator) -> float:
    """The longest side of something, as many of every order of size."""
    return float(np.exp(rng.uniform(np.log(SMALLEST_M), np.log(LARGEST_M))))


def make_shape(size_m: float, rng: np.random.Generator, family: str | None = None) -> Shape:
    """A random shape.

    Args:
        size_m: Its longest side, along one of its axes.
        rng: Whatever else is random about it.
        family: One of ``FAMILIES``; any of them by their weights without it.

    Raises:
        ValueError: No such family.
    """
    if family is None:
        names, weights = list(FAMILIES), np.array([weight for weight, _ in FAMILIES.values()])
        family = str(rng.choice(names, p=weights / weights.sum()))
    if family not in FAMILIES:
        msg = f"family: expected one of {', '.join(FAMILIES)}, got {family!r}"
        raise ValueError(msg)
    patch, turns, upright = FAMILIES[family][1](rng)
    low, high = patch.points.min(axis=0), patch.points.max(axis=0)
    points = (patch.points - (low + high) / 2) * (size_m / (high - low).max())
    return Shape(Patch(points, patch.faces, patch.uv, patch.aspect), turns, upright, family)


def _revolved(profile: Callable[[np.random.Generator], Array]) -> Callable[[np.random.Generator], _Parts]:
    def make(rng: np.random.Generator) -> _Parts:
        turns = about_axis()
        return revolved.revolved(profile(rng)), turns, turns

    return make


def _mug(rng: np.random.Generator) -> _Parts:
    return assembled.with_handle(revolved.cup(rng), rng), IDENTITY, IDENTITY


def _box(rng: np.random.Generator) -> _Parts:
    half = np.exp(rng.uniform(np.log(0.12), 0, 3))
    if rng.random() < 0.15:
        half[1] = half[0]
    body = prism(polygon(4), 1.0)
    flat = np.array([[1, -1, 0], [1, 1, 0], [0, 0, np.sqrt(2)]]) / np.sqrt(2)  # corners along x and y
    cube = body.points @ flat.T
    turns = box_turns(half)
    return unwrapped(cube / np.abs(cube).max(axis=0) * half, body.faces), turns, folded(4 if half[0] == half[1] else 2)


def _prism(rng: np.random.Generator) -> _Parts:
    outline, height = any_outline(rng), np.exp(rng.uniform(np.log(0.04), np.log(5)))
    taper = 1.0 if rng.random() < 0.6 else rng.uniform(0.3, 1.0)
    twist = rng.uniform(-1.5, 1.5) if rng.random() < 0.2 else 0.0
    body = prism(outline, height, taper=taper, twist_rad=twist)
    upright = folded(outline.fold) if outline.fold else about_axis()
    even = taper == 1.0 and not twist and outline.fold != 1
    return unwrapped(body.points, body.faces), _flipped(upright) if even else upright, upright


def _ring(rng: np.random.Generator) -> _Parts:
    outer = any_outline(rng)
    hole = circle() if rng.random() < 0.6 else squircle(rng.uniform(2.5, 6))
    body = frame(outer, rng.uniform(0.3, 0.85), np.exp(rng.uniform(np.log(0.05), np.log(2))), hole)
    fold = outer.fold if not hole.fold else int(np.gcd(outer.fold or hole.fold, hole.fold))
    upright = folded(fold) if fold else about_axis()
    return unwrapped(body.points, body.faces), _flipped(upright) if fold != 1 else upright, upright


def _rounded(rng: np.random.Generator) -> _Parts:
    half = rng.uniform(0.25, 1.0, 3)
    upright, around = rng.uniform(0.15, 1.6, 2)
    body = superquadric(half, upright, around)
    return body, box_turns(half), folded(2)


def _lump(rng: np.random.Generator) -> _Parts:
    body = superquadric(rng.uniform(0.4, 1.0, 3), rng.uniform(0.5, 1.2), rng.uniform(0.5, 1.2))
    return displaced(body, rng.uniform(0.03, 0.12), rng.uniform(0.6, 3), rng), IDENTITY, IDENTITY


def _constructed(rng: np.random.Generator) -> _Parts:
    return unwrapped(*constructed(rng)), IDENTITY, IDENTITY


def _assembled(rng: np.random.Generator) -> _Parts:
    body = assembled.assembled(rng)
    return unwrapped(body.points, body.faces), IDENTITY, IDENTITY


def _wire(rng: np.random.Generator) -> _Parts:
    return wire(rng), IDENTITY, IDENTITY


def _plate(rng: np.random.Generator) -> _Parts:
    body = prism(any_outline(rng), rng.uniform(0.02, 0.06))
    bent = body.points * (1, rng.uniform(0.2, 1), 1)
    bent[:, 2] += rng.uniform(-0.4, 0.4) * bent[:, 0] ** 2 + rng.uniform(-0.2, 0.2) * bent[:, 0] * bent[:, 1]
    return unwrapped(bent, body.faces), IDENTITY, IDENTITY


def _flipped(upright: Array) -> Array:
    """The same turns, and each after a half turn about x."""
    return np.concatenate([upright, upright @ np.diag([1.0, -1.0, -1.0])])


FAMILIES: dict[str, tuple[float, Callable[[np.random.Generator], _Parts]]] = {
    "box": (4, _box), "can": (2.5, _revolved(revolved.can)), "bottle": (3, _revolved(revolved.bottle)),
    "cup": (1.2, _revolved(revolved.cup)), "mug": (2, _mug), "turned": (1.5, _revolved(revolved.turned)),
    "cone": (0.7, _revolved(revolved.cone)), "prism": (1.5, _prism), "ring": (1, _ring), "rounded": (1.5, _rounded),
    "lump": (1.5, _lump), "constructed": (3, _constructed), "assembled": (3, _assembled), "wire": (0.7, _wire),
    "plate": (0.8, _plate),
}  # fmt: skip
"""How often each is made beside the others, and by what."""
