"""Things of several parts that stick in each other: mugs with handles, tools, toys, machines."""

import numpy as np

from estimators.foundationpose.training.objects.outlines import any_outline, circle, polygon
from estimators.foundationpose.training.objects.patches import Patch, joined
from estimators.foundationpose.training.objects.revolved import revolved
from estimators.foundationpose.training.objects.rounded import superquadric
from estimators.foundationpose.training.objects.swept import frame, prism, tube
from schemas.arrays import Array


def with_handle(profile: Array, rng: np.random.Generator) -> Patch:
    """A cup with one or, seldom, two handles that end in its wall.

    Args:
        profile: Of ``revolved.cup``.
        rng: Of the handle's form.
    """
    body = revolved(profile)
    height, wall = profile[:, 1].max(), _wall(profile)
    low, high = height * rng.uniform(0.12, 0.35), height * rng.uniform(0.65, 0.92)
    bulge, angular = rng.uniform(0.4, 0.9), rng.uniform(0.4, 1.0)
    turn = np.linspace(-np.pi / 2, np.pi / 2, 20)
    out = np.cos(turn) ** angular * bulge
    z = (low + high) / 2 + (high - low) / 2 * np.sin(turn)
    thick = rng.uniform(0.06, 0.13)
    start = np.interp(z, wall[:, 1], wall[:, 0])
    inset = np.interp(z, wall[:, 1], wall[:, 2]) * 0.5
    curve = np.stack([start - inset + out, np.zeros(20), z], axis=1)
    handle = tube(curve, np.full(20, thick), flat=rng.uniform(0.6, 1.8))
    parts = [body, _small(handle)]
    if rng.random() < 0.12:
        parts.append(_small(handle.moved(np.diag([-1.0, -1.0, 1.0]), np.zeros(3))))
    return joined(parts)


def assembled(rng: np.random.Generator) -> Patch:
    """Two to six parts, each stuck into one of those before; mirrored in a third of the cases."""
    parts = [_part(rng, 1.0)]
    for _ in range(int(rng.integers(1, 6))):
        anchor = parts[int(rng.integers(len(parts)))]
        spot = anchor.points[int(rng.integers(len(anchor.points)))]
        middle = anchor.points.mean(axis=0)
        part = _part(rng, rng.uniform(0.3, 1.0))
        turn = np.eye(3)[rng.permutation(3)] if rng.random() < 0.8 else np.linalg.qr(rng.normal(size=(3, 3)))[0]
        turn = turn * np.sign(np.linalg.det(turn))
        parts.append(part.moved(turn, middle + (spot - middle) * rng.uniform(0.7, 1.05)))
    if rng.random() < 0.35:
        parts += [_mirrored(part) for part in parts[1:]]
    return joined(parts)


def _part(rng: np.random.Generator, size: float) -> Patch:
    kind = rng.integers(5)
    long = size * np.exp(rng.uniform(np.log(0.3), np.log(2.5)))
    if kind == 0:
        return superquadric(size * rng.uniform(0.2, 0.6, 3), rng.uniform(0.2, 1.2), rng.uniform(0.2, 1.2))
    if kind == 1:
        return prism(circle(), long).moved(np.diag([0.3 * size, 0.3 * size, 1.0]), np.zeros(3))
    if kind == 2:
        return prism(polygon(4), long).moved(np.diag([*(size * rng.uniform(0.2, 0.6, 2)), 1.0]), np.zeros(3))
    if kind == 3:
        return frame(any_outline(rng), rng.uniform(0.4, 0.8), 0.4 * long, circle()).moved(
            np.eye(3) * 0.6 * size, np.zeros(3)
        )
    return prism(any_outline(rng), long, taper=rng.uniform(0.2, 1)).moved(np.eye(3) * 0.5 * size, np.zeros(3))


def _mirrored(part: Patch) -> Patch:
    """Its mirror image in x = 0, its faces turned so that they look outwards still."""
    return Patch(part.points * (-1.0, 1.0, 1.0), part.faces[:, ::-1], part.uv, part.aspect)


def _wall(profile: Array) -> Array:
    """(N, 3) radius, height and thickness of a cup's outer wall, from below."""
    top = int(np.argmax(profile[:, 1] + 1e-9 * profile[:, 0]))
    outer, inner = profile[3 : top + 1], profile[top + 1 :][::-1]
    keep = np.argsort(outer[:, 1])
    outer = outer[keep]
    within = np.interp(outer[:, 1], inner[1:, 1], inner[1:, 0])
    return np.stack([outer[:, 0], outer[:, 1], np.clip(outer[:, 0] - within, 0.02, 0.2)], axis=1)


def _small(handle: Patch) -> Patch:
    """A handle that takes its colour from a thin strip of the texture."""
    return Patch(handle.points, handle.faces, 0.02 + 0.06 * handle.uv, handle.aspect)
