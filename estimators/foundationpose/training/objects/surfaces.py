"""What a shape looks like: printed, painted, plain or coloured at its vertices; dull or glossy."""

from dataclasses import dataclass

import numpy as np

from estimators.foundationpose.training.objects.labels import label
from estimators.foundationpose.training.objects.patterns import any_pattern, bands, plain, random_color
from estimators.foundationpose.training.objects.rounded import solid_noise
from estimators.foundationpose.training.objects.shapes import IDENTITY, Shape
from estimators.mesh import Mesh
from schemas.arrays import Array

_TEXTURE_PX = 256
KINDS = ("printed", "pattern", "plain", "banded", "vertices", "sides")
_WEIGHTS = (0.36, 0.2, 0.14, 0.08, 0.14, 0.08)
_FLAT_ROUND = ("can", "bottle", "cup", "turned", "cone")  # their uv's height is that along their axis


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """An object as it is drawn and learned.

    Attributes:
        mesh: About the middle of its bounding box.
        symmetries: (S, 4, 4) float64 ``obj_from_obj``, the identity first: turns that nobody can see.
        gloss: Strength of its highlights, 0 to 1.
        sharpness: Exponent of its highlights (Phong).
        family: Of its shape, and what it is painted with.
    """

    mesh: Mesh
    symmetries: Array
    gloss: float
    sharpness: float
    family: str


def painted(shape: Shape, rng: np.random.Generator, kind: str | None = None) -> Thing:
    """A shape with a surface.

    Args:
        shape: What is painted.
        rng: Whatever is random about it.
        kind: One of ``KINDS``, or any of them.

    Raises:
        ValueError: No such kind.
    """
    chosen = str(rng.choice(KINDS, p=_WEIGHTS)) if kind is None else kind
    if chosen not in KINDS:
        msg = f"kind: expected one of {', '.join(KINDS)}, got {chosen!r}"
        raise ValueError(msg)
    name = f"{shape.family}-{chosen}"
    if chosen == "vertices":
        mesh = Mesh.build(shape.patch.points, shape.patch.faces, name=name, colors=_vertex_colors(shape, rng))
    else:
        texture = _texture(shape, chosen, rng)
        uv = shape.patch.uv.astype(np.float32)
        mesh = Mesh.build(shape.patch.points, shape.patch.faces, name=name, uv=uv, texture=texture)
    gloss = rng.uniform(0.25, 0.9) if rng.random() < 0.4 else rng.uniform(0, 0.12)
    sharpness = float(np.exp(rng.uniform(np.log(6), np.log(90))))
    return Thing(mesh, _symmetries(shape, chosen), float(gloss), sharpness, name)


def _symmetries(shape: Shape, kind: str) -> Array:
    """Turns that neither shape nor surface gives away."""
    turns = IDENTITY
    if kind == "plain":
        turns = shape.turns
    elif kind == "banded" and shape.family in _FLAT_ROUND:
        turns = shape.upright_turns
    out = np.tile(np.eye(4), (len(turns), 1, 1))
    out[:, :3, :3] = turns
    return out


def _texture(shape: Shape, kind: str, rng: np.random.Generator) -> Array:
    """(H, W, 3) uint8, about as wide as the surface is beside its height."""
    if kind == "plain":
        return plain((32, 32), rng)
    stretch = np.sqrt(np.clip(shape.patch.aspect, 0.33, 3.0))
    size = (int(_TEXTURE_PX / stretch), int(_TEXTURE_PX * stretch))
    if kind == "printed":
        return _six(size, rng) if shape.family == "box" else label(size, rng)
    if kind == "banded":
        return bands(size, rng)
    if kind == "sides":
        return _one_sided(size, rng)
    return any_pattern(size, rng)


def _six(size: tuple[int, int], rng: np.random.Generator) -> Array:
    """Labels for the sides of a box, opposite ones alike in half of the cases, as they are on cartons."""
    height, width = size[0] // 2, size[1] // 3
    front = [label((height, width), rng) for _ in range(3)]
    back = front if rng.random() < 0.5 else [label((height, width), rng) for _ in range(3)]
    return np.concatenate([np.concatenate(back, axis=1), np.concatenate(front, axis=1)])


def _one_sided(size: tuple[int, int], rng: np.random.Generator) -> Array:
    """Plain but for one sticker: what tells the turn is often out of sight."""
    out = plain(size, rng).copy()
    height, width = (max(32, int(edge * rng.uniform(0.2, 0.45))) for edge in size)
    top, left = int(rng.integers(0, size[0] - height)), int(rng.integers(0, size[1] - width))
    out[top : top + height, left : left + width] = label((height, width), rng)
    return out


def _vertex_colors(shape: Shape, rng: np.random.Generator) -> Array:
    """(V, 3) uint8, two colours by noise in space, and a third above a plane."""
    points = shape.patch.points / np.abs(shape.patch.points).max()
    share = np.clip(0.5 + rng.choice([0.4, 3.0]) * solid_noise(points, rng.uniform(0.4, 2.5), rng), 0, 1)[:, None]
    colors = random_color(rng) * share + random_color(rng) * (1 - share)
    if rng.random() < 0.5:
        colors[points @ rng.normal(size=3) > rng.uniform(-0.4, 0.8)] = random_color(rng)
    return colors.astype(np.uint8)
