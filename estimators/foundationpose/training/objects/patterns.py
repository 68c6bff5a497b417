"""Pictures without meaning: plain, striped, chequered, speckled, cloudy, grained, cellular."""

from collections.abc import Callable

import cv2
import numpy as np

from schemas.arrays import Array


def random_color(rng: np.random.Generator) -> Array:
    """(3,) float64 from 0 to 255: greys, pastels and strong colours alike."""
    hue, strength = rng.uniform(0, 180), rng.choice([0.05, 0.4, 0.85]) + rng.uniform(0, 0.15)
    value = rng.uniform(0.12, 1.0)
    pixel = np.array([[[hue, 255 * strength, 255 * value]]], np.uint8)
    return cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float64)


def clouds(size: tuple[int, int], rng: np.random.Generator, coarsest: int = 4) -> Array:
    """(H, W) float32 smooth noise of several scales, from 0 to 1 mostly.

    Args:
        size: Height and width.
        rng: Of the noise.
        coarsest: Cells across the picture of the largest scale.
    """
    height, width = size
    out, weight, total = np.zeros(size, np.float32), 1.0, 0.0
    fade = rng.uniform(0.35, 0.75)
    for octave in range(5):
        cells = coarsest << octave
        coarse = rng.random((cells, cells), dtype=np.float32)
        out += np.float32(weight) * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        total, weight = total + weight, weight * fade
    return np.clip((out / np.float32(total) - 0.5) * 1.8 + 0.5, 0, 1)


def mixed(share: Array, one: Array, other: Array) -> Array:
    """(H, W, 3) uint8: ``one`` where ``share`` (H, W) is 0, ``other`` where it is 1."""
    return (one + share[..., None] * (other - one)).clip(0, 255).astype(np.uint8)


def plain(size: tuple[int, int], rng: np.random.Generator) -> Array:
    """One colour all over."""
    return np.full((*size, 3), random_color(rng).astype(np.uint8), np.uint8)


def bands(size: tuple[int, int], rng: np.random.Generator) -> Array:
    """Colours that depend on the row alone."""
    height, width = size
    edges = np.sort(rng.uniform(0, height, int(rng.integers(1, 6)))).astype(int)
    colors = np.stack([random_color(rng) for _ in range(len(edges) + 1)])
    index = np.searchsorted(edges, np.arange(height), side="right")
    return np.repeat(colors[index].astype(np.uint8)[:, None], width, axis=1)


def stripes(size: tuple[int, int], rng: np.random.Generator) -> Array:
    """Of any direction, hard or soft."""
    v, u = _places(size)
    angle, waves = rng.uniform(0, np.pi), rng.uniform(2, 14)
    wave = np.sin(2 * np.pi * waves * (u * np.cos(angle) + v * np.sin(angle)))
    return mixed(np.clip(0.5 + wave * rng.choice([0.5, 8]), 0, 1), random_color(rng), random_color(rng))


def checks(size: tuple[int, int], rng: np.random.Generator) -> Array:
    """Squares of two colours."""
    v, u = _places(size)
    across, up = rng.integers(2, 12, 2)
    odd = ((np.floor(u * across) + np.floor(v * up)) % 2).astype(np.float32)
    return mixed(odd, random_color(rng), random_color(rng))


def cloudy(size: tuple[int, int], rng: np.random.Generator) -> Array:
    """Two colours that flow into each other."""
    return mixed(clouds(size, rng, int(rng.integers(2, 8))), random_color(rng), random_color(rng))


def camouflage(size: tuple[int, int], rng: np.random.Generator) -> Array:
    """Areas of three colours with smooth borders."""
    share = clouds(size, rng, int(rng.integers(2, 6)))
    colors = np.stack([random_color(rng) for _ in range(3)]).astype(np.uint8)
    return colors[(share > 0.42).astype(int) + (share > 0.58)]


def grain(size: tuple[int, int], rng: np.random.Generator) -> Array:
    """Rings as in wood, or veins as in marble."""
    v, u = _places(size)
    bend = clouds(size, rng, 3)
    rings = np.sin((rng.uniform(4, 25) * u + rng.uniform(0, 3) * v + rng.uniform(2, 8) * bend) * 2 * np.pi)
    base = random_color(rng)
    return mixed((0.5 + 0.5 * rings) ** rng.uniform(0.5, 4), base, base * rng.uniform(0.35, 0.8))


def speckles(size: tuple[int, int], rng: np.random.Generator) -> Array:
    """Dots of a few colours on a ground."""
    out = plain(size, rng)
    colors = [random_color(rng).tolist() for _ in range(3)]
    largest = max(3, size[0] // int(rng.integers(8, 40)))
    for _ in range(int(rng.integers(20, 160))):
        place = (int(rng.integers(size[1])), int(rng.integers(size[0])))
        cv2.circle(out, place, int(rng.integers(1, largest)), colors[int(rng.integers(3))], -1, cv2.LINE_AA)
    return out


def shards(size: tuple[int, int], rng: np.random.Generator) -> Array:
    """Large random triangles, some of them see-through."""
    out = cloudy(size, rng)
    for _ in range(int(rng.integers(6, 30))):
        corners = rng.uniform(-0.2, 1.2, (3, 2)) * (size[1], size[0])
        layer = out.copy()
        cv2.fillPoly(layer, [corners.astype(np.int32)], random_color(rng).tolist(), cv2.LINE_AA)
        share = rng.uniform(0.3, 1)
        out = cv2.addWeighted(layer, share, out, 1 - share, 0)
    return out


PATTERNS: tuple[Callable[[tuple[int, int], np.random.Generator], Array], ...] = (
    plain, bands, stripes, checks, cloudy, camouflage, grain, speckles, shards,
)  # fmt: skip
"""Each takes height and width and a generator and gives (H, W, 3) uint8."""


def any_pattern(size: tuple[int, int], rng: np.random.Generator) -> Array:
    """(H, W, 3) uint8, one of ``PATTERNS``."""
    return PATTERNS[int(rng.integers(len(PATTERNS)))](size, rng)


def _places(size: tuple[int, int]) -> tuple[Array, Array]:
    """Rows and columns (H, W) float32, from 0 to 1."""
    v, u = np.indices(size, np.float32)
    return v / np.float32(size[0]), u / np.float32(size[1])
