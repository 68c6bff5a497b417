"""How likely the colours of a frame are if an object is at a placement, against what is there without it."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

from estimators.geometric.backdrop import STOOD, Backdrop
from estimators.geometric.backdrop_grid import grid_in
from estimators.geometric.colours import cells
from estimators.geometric.light import brightness
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import Crop, FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.tint import tints
from estimators.rendering import Renderer
from schemas.arrays import Array

ROOM = 12.0
"""Of the space of tints: what is said of a colour is how much likelier it is than any in there."""
NORMAL = (2 * np.pi) ** 1.5
HIDDEN = 0.3
"""Chance that something else is in front of a pixel of the object, or of what stands still."""
_IN_FRONT = np.array([0.4, 0.6, 0.8, 0.01])  # by ``Backdrop.place``: chance that what stands still is in front
_MOST = 3.0  # a logarithm, either way, in the mean
_MOST_FOR = 8.0  # in the sum: where two placements draw a pixel, which of them has its colour decides
_CHROMA, _LIGHT, _GREY = 0.07, 0.12, 4.0  # spread about the mesh's colours in the light: logarithms, grey levels
_STILL, _STILL_GREY, _SHARPEST = 0.05, 2.0, 1e3  # about what stands still; the likeliest that a colour can be
_EDGE = 0.35  # of the contrast nearby: an edge of what stands is not as sharp in memory as in the frame
_STEP_PX, _STEP, _STEP_MOST = 2, 0.1, 2.0  # brightness from pixel to pixel: how far apart, spread, a logarithm
_NEXT = np.ones((3, 3), np.uint8)
_FLOOR = 16.0  # grey levels, under a logarithm
_WHOLE = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A square picture of a frame in which placements are compared.

    Attributes:
        K: (3, 3) float64 intrinsics of its pixels.
        tints: (S, S, 3) float32 of the frame, see ``tint.tints``.
        without: (S, S) float32 logarithm of how likely each pixel is without the object; NaN outside of the frame.
        hidden: (S, S) float32 how likely each pixel is with the object behind something else, times the chance of that.
    """

    K: Array
    tints: Array
    without: Array
    hidden: Array


def sight_of(crop: Crop, images: FrameImages) -> Sight:
    """What a crop of a frame shows, compared with what is known of the object's surroundings."""
    known = images.known
    density = known.density[cells(crop.rgb.reshape(-1, 3))].reshape(crop.rgb.shape[:2])
    hidden = HIDDEN * density
    if known.backdrop is not None:
        grid = grid_in(crop.crop_from_frame, images)
        still, stood = _standing(crop.rgb, known.backdrop, known.gain, grid)
        place = cv2.warpAffine(known.backdrop.place, grid, crop.rgb.shape[:2], flags=cv2.INTER_NEAREST)
        density = np.where(stood, (1 - HIDDEN) * still + HIDDEN, density)
        hidden = np.where(stood, HIDDEN + _IN_FRONT[place.astype(np.int64)] * still, hidden)
    without = np.log(density).astype(np.float32)
    without[~crop.in_frame(images.depth_m.shape)] = np.nan
    return Sight(crop.K, tints(crop.rgb.astype(np.float32)), without, hidden.astype(np.float32))


def _standing(rgb: Array, backdrop: Backdrop, level: float, grid: Array) -> tuple[Array, Array]:
    """(S, S) density of a picture's colours where the backdrop still stands, and (S, S) bool where it is known."""
    size = rgb.shape[:2]
    there = cv2.warpAffine(backdrop.rgb, grid, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    stood = cv2.warpAffine((backdrop.age >= STOOD).astype(np.float32), grid, size, flags=cv2.INTER_LINEAR) > _WHOLE
    there = there.astype(np.float32) * np.float32(level)
    grey = np.log(there.mean(axis=2) + _FLOOR)
    rough = _EDGE * (cv2.dilate(grey, _NEXT) - cv2.erode(grey, _NEXT))
    off = np.log(rgb.astype(np.float32) + _FLOOR) - np.log(there + _FLOOR)
    spread2 = _STILL**2 + (_STILL_GREY * np.exp(-grey)) ** 2 + rough**2
    peak = np.minimum(ROOM / (NORMAL * spread2**1.5), _SHARPEST)
    return peak * np.exp(-0.5 * (off**2).sum(axis=2) / spread2), stood


def log_odds_of(
    model: ObjectModel, sight: Sight, placements: Sequence[Placement], images: FrameImages, renderer: Renderer
) -> tuple[Array, Array]:
    """What the pixels that B placements draw say for each of them.

    Returns:
        (B,) sums of the logarithms of odds, each -3 to 8, and of those of steps of brightness, each -2 to 2; and (B,)
        means of the former, each -3 to 3; 0 where nothing is drawn.
    """
    poses = np.tile(np.eye(4), (len(placements), 1, 1))
    for k, one in enumerate(placements):
        poses[k, :3, :3], poses[k, :3, 3] = one.R, one.t - one.R @ model.center_m
    size = sight.without.shape
    drawn = renderer.render(model.mesh, poses, sight.K, (size[0], size[1]))
    known, out = images.known, np.zeros((len(placements), 3))
    add_up(
        drawn.depth_m, drawn.rgb, drawn.normal, sight.tints, sight.without, sight.hidden, known.terms, known.tone, out
    )
    return out[:, 0], out[:, 1] / np.maximum(out[:, 2], 1.0)


@njit(nogil=True, cache=True, inline="always")
def own_density(seen: Array, drawn: Array, chroma2: float, light2: float) -> float:
    """How likely tints (3,) are where an object should have others (3,), over anything.

    ``chroma2`` and ``light2`` are variances that are added to those of sensor and light.
    """
    noise = _GREY * np.exp(-drawn[2])
    chroma2 += _CHROMA * _CHROMA + 2 * noise * noise
    light2 += _LIGHT * _LIGHT + noise * noise
    red, blue, off = seen[0] - drawn[0], seen[1] - drawn[1], seen[2] - drawn[2]
    square = (red * red + blue * blue) / chroma2 + off * off / light2
    return ROOM / (NORMAL * chroma2 * np.sqrt(light2)) * np.exp(-0.5 * square)


@njit(nogil=True, cache=True)
def add_up(
    depth: Array, rgb: Array, normal: Array, seen: Array, without: Array, hidden: Array, terms: Array, tone: Array,
    out: Array,
) -> None:  # fmt: skip
    """Write for each of B renders (see ``Rendering``) both sums of log-odds and number of pixels to ``out`` (B, 3)."""
    drawn = np.zeros((depth.shape[1], depth.shape[2], 3), np.float32)
    shows = np.zeros((depth.shape[1], depth.shape[2]), np.float32)
    for b in range(depth.shape[0]):
        shows[:] = 0.0
        _tints_of(depth[b], rgb[b], normal[b], terms, tone, drawn)
        for v in range(depth.shape[1]):
            for u in range(depth.shape[2]):
                if depth[b, v, u] <= 0.0 or np.isnan(without[v, u]):
                    continue
                chroma2, light2 = _rough_at(drawn, depth[b], v, u)
                own = (1 - HIDDEN) * own_density(seen[v, u], drawn[v, u], chroma2, light2)
                odds = max(-_MOST, np.log(own + hidden[v, u]) - without[v, u])
                shows[v, u] = own / (own + hidden[v, u])
                out[b, 0] += min(_MOST_FOR, odds)
                out[b, 1] += min(_MOST, odds)
                out[b, 2] += 1.0
        out[b, 0] += _steps(drawn, seen, shows)


@njit(nogil=True, cache=True)
def _steps(drawn: Array, seen: Array, shows: Array) -> float:
    """How much likelier the steps of brightness inside of a render are with its own steps than with none.

    Light is known less well than that a handle stands out of a wall: two pixels off alike tell nothing. ``shows``
    (S, S) is the chance that a pixel shows the object, 0 where it is not drawn.
    """
    total = 0.0
    for v in range(shows.shape[0]):
        for u in range(shows.shape[1]):
            for k in range(2):
                y, x = v + _STEP_PX * k, u + _STEP_PX * (1 - k)
                if y >= shows.shape[0] or x >= shows.shape[1] or shows[v, u] <= 0.0 or shows[y, x] <= 0.0:
                    continue
                own, there = drawn[v, u, 2] - drawn[y, x, 2], seen[v, u, 2] - seen[y, x, 2]
                noise2 = _GREY * _GREY * (np.exp(-2 * drawn[v, u, 2]) + np.exp(-2 * drawn[y, x, 2]))
                odds = own * (there - 0.5 * own) / (_STEP * _STEP + noise2)
                total += min(shows[v, u], shows[y, x]) * min(_STEP_MOST, max(-_STEP_MOST, odds))
    return total


@njit(nogil=True, cache=True, inline="always")
def _tints_of(depth: Array, rgb: Array, normal: Array, terms: Array, tone: Array, drawn: Array) -> None:
    """Write the tints (S, S, 3) of a render in the light."""
    for v in range(depth.shape[0]):
        for u in range(depth.shape[1]):
            if depth[v, u] > 0.0:
                e = brightness(normal[v, u, 0], normal[v, u, 1], normal[v, u, 2], terms)
                r = np.log(min(255.0, rgb[v, u, 0] * e) + _FLOOR)
                g = np.log(min(255.0, rgb[v, u, 1] * e) + _FLOOR)
                b = np.log(min(255.0, rgb[v, u, 2] * e) + _FLOOR)
                drawn[v, u, 0], drawn[v, u, 1], drawn[v, u, 2] = r - g + tone[0], b - g + tone[1], (r + g + b) / 3.0


@njit(nogil=True, cache=True, inline="always")
def _rough_at(drawn: Array, depth: Array, v: int, u: int) -> tuple[float, float]:
    """Half of how much colour and brightness of a render differ between a pixel and its neighbours, squared."""
    chroma2, light2 = 0.0, 0.0
    for k in range(4):
        y, x = v + (k == 0) - (k == 1), u + (k == 2) - (k == 3)
        if y < 0 or x < 0 or y >= depth.shape[0] or x >= depth.shape[1] or depth[y, x] <= 0.0:
            continue
        red, blue, off = (
            drawn[y, x, 0] - drawn[v, u, 0], drawn[y, x, 1] - drawn[v, u, 1], drawn[y, x, 2] - drawn[v, u, 2]
        )  # fmt: skip
        chroma2 = max(chroma2, 0.5 * (red * red + blue * blue))
        light2 = max(light2, off * off)
    return 0.5 * chroma2, 0.5 * light2
