"""Outlines moved along a line or a curve: prisms, rings, nuts, tubes, handles, hooks."""

import numpy as np

from estimators.foundationpose.training.objects.outlines import AROUND, Outline
from estimators.foundationpose.training.objects.patches import Patch, grid_patch
from schemas.arrays import Array


def prism(outline: Outline, height: float, *, taper: float = 1.0, twist_rad: float = 0.0) -> Patch:
    """An outline moved along z.

    Args:
        outline: The bottom's.
        height: Of the prism, about its middle.
        taper: The top's size over the bottom's.
        twist_rad: By how much the top is turned.
    """
    levels = 10 if twist_rad else 2
    along = np.linspace(0, 1, levels)
    rings = [_ring(outline.points(), 1 + (taper - 1) * s, twist_rad * s, height * (s - 0.5)) for s in along]
    ends = [np.tile([0.0, 0.0, sign * height / 2], (1, AROUND, 1)) for sign in (-1, 1)]
    return grid_patch(np.concatenate([ends[0], np.stack(rings), ends[1]]))


def frame(outer: Outline, inner: float, height: float, hole: Outline) -> Patch:
    """A prism with a hole right through it, such as a ring, a nut, a picture frame.

    Args:
        outer: Its outline.
        inner: Size of the hole: 1 makes it as large as the smallest radius of the outline.
        height: Along z.
        hole: The hole's outline.
    """
    size = inner * float(outer.radii.min()) / float(hole.radii.max())
    wide, narrow = outer.points(), hole.points() * size
    low, high = -height / 2, height / 2
    rows = [_ring(narrow, 1, 0, low), _ring(wide, 1, 0, low), _ring(wide, 1, 0, high), _ring(narrow, 1, 0, high)]
    return grid_patch(np.stack(rows), ring=True)


def tube(curve: Array, radii: Array, *, ring: bool = False, flat: float = 1.0) -> Patch:
    """A round rod along a curve, closed at both ends.

    Args:
        curve: (N, 3), no two neighbours alike.
        radii: (N,).
        ring: Whether the curve's end is joined to its start.
        flat: Thickness out of the curve's plane over that within it.
    """
    tangent = _directions(curve, ring=ring)
    first = _normals(tangent)
    second = np.cross(tangent, first)
    angle = np.arange(16) * (2 * np.pi / 16)
    around = np.cos(angle)[:, None, None] * first + flat * np.sin(angle)[:, None, None] * second
    rows = (curve + radii[:, None] * around).transpose(1, 0, 2)
    if ring:
        return grid_patch(rows, ring=True)
    ends = [np.tile(curve[k], (1, len(angle), 1)) for k in (0, -1)]
    return grid_patch(np.concatenate([ends[0], rows, ends[1]]))


def wire(rng: np.random.Generator) -> Patch:
    """A rod along a smooth random curve: hooks, pipes, bent handles."""
    count = int(rng.integers(3, 6))
    knots = np.cumsum(rng.normal(size=(count, 3)) * (1, 1, rng.uniform(0, 0.7)) + (0.8, 0, 0), axis=0)
    at = np.linspace(0, count - 1, 40)
    curve = np.stack([np.interp(at, np.arange(count), knots[:, k]) for k in range(3)], axis=1)
    for _ in range(30):
        curve[1:-1] = 0.25 * curve[:-2] + 0.5 * curve[1:-1] + 0.25 * curve[2:]
    length = np.linalg.norm(np.diff(curve, axis=0), axis=1).sum()
    thick = length * rng.uniform(0.02, 0.09)
    return tube(curve, thick * np.linspace(1, rng.uniform(0.5, 1.2), 40), flat=rng.uniform(0.4, 1.0))


def _ring(points: Array, size: float, turn_rad: float, z: float) -> Array:
    """(AROUND, 3) of an outline's (AROUND, 2)."""
    c, s = np.cos(turn_rad), np.sin(turn_rad)
    flat = size * points @ np.array([[c, s], [-s, c]])
    return np.concatenate([flat, np.full((len(points), 1), z)], axis=1)


def _directions(curve: Array, *, ring: bool) -> Array:
    """(N, 3) unit tangents."""
    step = np.roll(curve, -1, axis=0) - np.roll(curve, 1, axis=0) if ring else np.gradient(curve, axis=0)
    return step / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-12)


def _normals(tangent: Array) -> Array:
    """(N, 3) unit normals that turn as little as they can from one place of the curve to the next."""
    start = np.cross(tangent[0], np.eye(3)[np.argmin(np.abs(tangent[0]))])
    out = np.empty_like(tangent)
    for k, along in enumerate(tangent):
        start = start - along * (along @ start)
        start = start / np.linalg.norm(start)
        out[k] = start
    return out
