"""The few colours of a mesh, and what light may make of them."""

from dataclasses import dataclass

import numpy as np

from estimators.geometric.colours import CELLS, histogram, smooth
from schemas.arrays import Array

_MOST_COLOURS = 8
_APART = 24.0  # grey levels, below which two colours are one
_ROUNDS = 6
_SAMPLES = 4000
_LIGHTS = np.linspace(0.4, 1.1, 12)  # how bright a mesh's colour may look
_LEARNED, _ANY = 0.7, 0.15  # what the frames show of a colour, and of the whole object


@dataclass(frozen=True, slots=True, eq=False)
class Palette:
    """Colours of a mesh.

    Attributes:
        rgb: (K, 3) float64, at most eight.
        lit: (K, 4096) float32 shares of cells that each may have in light and shadow.
    """

    rgb: Array
    lit: Array

    def mix(self, colours: Array) -> Array:
        """(N, K) float32: of colours (N, M, 3) of a render, the share that belongs to each of the palette."""
        count, most = len(self.rgb), colours.shape[1]
        nearest = _nearest(colours.reshape(-1, 3).astype(np.float64), self.rgb).reshape(-1, most)
        return np.stack([(nearest == k).mean(axis=1) for k in range(count)], axis=1).astype(np.float32)

    def seen(self, inside: Array | None) -> Array:
        """(4096, K) float32 shares of cells for each colour, sharpened by what was learned of the whole object."""
        if inside is None:
            return np.ascontiguousarray(self.lit.T)
        soft = smooth(inside)
        own = self.lit * soft
        own /= np.maximum(own.sum(axis=1, keepdims=True), np.float32(1e-9))
        shares = np.float32(1 - _LEARNED - _ANY) * self.lit + np.float32(_LEARNED) * own + np.float32(_ANY) * soft
        return np.ascontiguousarray(shares.T)


def make_palette(rgb: Array) -> Palette:
    """The palette of a mesh's colours (N, 3) uint8: centres far apart, then moved to their means."""
    chosen = rgb[np.linspace(0, len(rgb) - 1, min(_SAMPLES, len(rgb))).astype(np.int64)].astype(np.float64)
    centres = chosen.mean(axis=0)[None]
    while len(centres) < _MOST_COLOURS:
        gap = np.linalg.norm(chosen[:, None] - centres[None], axis=2).min(axis=1)
        if gap.max() < _APART:
            break
        centres = np.concatenate([centres, chosen[np.argmax(gap)][None]])
    for _ in range(_ROUNDS):
        nearest = _nearest(chosen, centres)
        used = [k for k in range(len(centres)) if (nearest == k).any()]
        centres = np.stack([chosen[nearest == k].mean(axis=0) for k in used])
    nearest = _nearest(chosen, centres)
    kept = [k for k in range(len(centres)) if (nearest == k).any()]
    lit = [_lit(chosen[nearest == k]) for k in kept]
    return Palette(centres[kept], np.stack(lit))


def _lit(colours: Array) -> Array:
    """(4096,) shares of cells of (N, 3) colours in all lights."""
    every = np.clip(colours[None] * _LIGHTS[:, None, None], 0, 255).reshape(-1, 3).astype(np.uint8)
    return smooth(histogram(every)).reshape(CELLS)


def _nearest(colours: Array, centres: Array) -> Array:
    """(N,) index of the nearest centre."""
    return np.argmin(((colours[:, None] - centres[None]) ** 2).sum(axis=2), axis=1)
