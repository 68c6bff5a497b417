"""Finding an object again about the place where it is supposed to be, by the part of it that shows."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from estimators.geometric.align import refine_all
from estimators.geometric.fit import Fit, fit
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.scan import contradicted, scan
from estimators.geometric.scene import STANDS
from estimators.geometric.solve import turn_by
from estimators.geometric.tint import LOGS_32
from estimators.geometric.views import directions
from estimators.rendering import Renderer
from schemas.arrays import Array

_TURN_RAD = np.radians(25.0)
_POINTS = 60
_LEAST_FACING = 0.3
_HALVINGS = 2
SHRINK = 2**_HALVINGS
"""Places are tried on a picture so much smaller."""
_SPACING, _CELLS = 0.12, 7  # of the diameter between places, and how many from the middle to the rim at most
_PLAN = np.array([[0.20, 0.03, 0.01, 0.06], [0.12, 0.02, 0.01, 0.04]])
_DAMPING = np.diag(np.repeat([5.0, 50.0], 3))
_REFINED, _FITTED, _CONVINCING = 16, 8, 0.35
_APART = 1.5  # of the spacing: nearer places are the same one
_NEAREST_M = 0.05  # nothing is seen at the camera or behind it


def relocate(
    model: ObjectModel,
    memory: Memory,
    about: Placement,
    reach_m: float,
    near_m: float,
    images: FrameImages,
    renderer: Renderer,
    score: Callable[[Fit], float],
    stands: Array | None = None,
) -> Fit | None:
    """The best fit at the places about a placement; None where nothing fits at all.

    Args:
        model: The object.
        memory: Of the object; the tone of its colours is looked up.
        about: Where it is supposed to be.
        reach_m: How far from there it may be.
        near_m: How far off it is half as likely.
        images: The frame.
        renderer: What draws.
        score: Tells fits apart.
        stands: (h, w) uint8 of ``standing``: what of the ``SHRINK`` times smaller picture cannot be the object.
    """
    if about.t[2] < _NEAREST_M:
        return None
    small = _small(images, stands)
    R, t = _candidates(model, memory, about, reach_m, near_m, images, small)
    again = np.array([
        _merit(model, memory, R[k : k + 1], t[k], t[k : k + 1], small, 0.006 + 0.008 * t[k, 2] ** 2)[0, 0]
        for k in range(len(t))
    ])  # fmt: skip
    best, best_score = None, 0.0
    for k in np.argsort(-again * _likely(t, about.t, near_m), kind="stable")[:_FITTED]:
        found = fit(model, Placement(R[k], t[k]), images, renderer)
        if found is not None and np.linalg.norm(found.placement.t - about.t) <= reach_m + model.mesh.diameter_m / 4:
            value = score(found)
            best, best_score = (found, value) if best is None or value > best_score else (best, best_score)
        if best_score > _CONVINCING:
            break
    return best


def _candidates(
    model: ObjectModel,
    memory: Memory,
    about: Placement,
    reach_m: float,
    near_m: float,
    images: FrameImages,
    small: tuple[Array, Array, Array],
) -> tuple[Array, Array]:
    """Rotations (K, 3, 3) and places (K, 3) that agree best, moved onto the depth."""
    D = model.mesh.diameter_m
    spacing = max(_SPACING * D, reach_m / _CELLS)
    turns, places = _turns(about.R), about.t + ball(reach_m, spacing)
    merit = _merit(model, memory, turns, about.t, places, small, spacing / 2 + 0.005)
    turn, place = _peaks(merit * _likely(places, about.t, near_m), places, _APART * spacing)
    R, t = turns[turn], places[place]
    direction = np.einsum("bji,j->bi", R, -about.t / np.linalg.norm(about.t))
    view = np.argmax(direction @ directions().T, axis=1)
    thin = [np.ascontiguousarray(values[:, ::2]) for values in (model.views.points, model.views.normals)]
    refine_all(thin[0], thin[1], view, R, t, images.depth_m, images.cam, _PLAN * [D, D, 1.0, D], _DAMPING)
    return R, t


def _merit(
    model: ObjectModel,
    memory: Memory,
    turns: Array,
    towards: Array,
    places: Array,
    small: tuple[Array, Array, Array],
    tolerance_m: float,
) -> Array:
    """(B, T) agreement of turns (B, 3, 3), as they look at ``towards`` (3,), with the picture at places (T, 3)."""
    points, facing, chroma = _shown(model, memory, turns, towards)
    depth, seen, cam = small
    return scan(points, facing, chroma, places, depth, seen, cam, LOGS_32, tolerance_m)


def merits(
    model: ObjectModel,
    memory: Memory,
    R: Array,
    places: Array,
    images: FrameImages,
    stands: Array | None,
    tolerance_m: float,
) -> Array:
    """(T,) agreement, 0 to 1, of an object turned by R (3, 3) with a small picture of the frame at places (T, 3)."""
    return _merit(model, memory, R[None], places[0], places, _small(images, stands), tolerance_m)[0]


def contradictions(
    model: ObjectModel,
    memory: Memory,
    R: Array,
    places: Array,
    images: FrameImages,
    stands: Array | None,
    tolerance_m: float,
) -> Array:
    """(T,) how many of 60 points of it the same picture contradicts; what something hides it does not."""
    points, facing, chroma = _shown(model, memory, R[None], places[0])
    return contradicted(points[0], facing[0], chroma[0], places, *_small(images, stands), LOGS_32, tolerance_m)


def _likely(places: Array, about: Array, near_m: float) -> Array:
    """(T,) how likely places (T, 3) are by their distance."""
    return 1.0 / (1.0 + (np.linalg.norm(places - about, axis=1) / near_m) ** 2)


def ball(radius_m: float, spacing_m: float) -> Array:
    """(T, 3) offsets on a grid within a ball."""
    steps, squared = _grid(int(radius_m / spacing_m))
    return steps[squared <= ((radius_m + 1e-9) / spacing_m) ** 2] * spacing_m


@lru_cache(maxsize=16)
def _grid(steps: int) -> tuple[Array, Array]:
    """(T, 3) whole numbers up to ``steps`` either way, and (T,) the squares of their distances from the middle."""
    grid = np.mgrid[-steps : steps + 1, -steps : steps + 1, -steps : steps + 1].reshape(3, -1).T.astype(np.float64)
    return grid, (grid**2).sum(axis=1)


def _shown(model: ObjectModel, memory: Memory, turns: Array, place: Array) -> tuple[Array, Array, Array]:
    """Points, their facing and chroma for each turn (B, 3, 3), as ``scan`` takes them."""
    surface = model.surface
    line = -place / np.linalg.norm(place)
    facing = (turns.transpose(0, 2, 1) @ line) @ surface.normals.T
    chosen = np.stack([_some(np.flatnonzero(row > _LEAST_FACING)) for row in facing])
    points = np.einsum("bij,bnj->bni", turns, surface.points[chosen])
    chroma = surface.tints[chosen][..., :2] + memory.tone
    return np.ascontiguousarray(points), np.take_along_axis(facing, chosen, axis=1), chroma


def _some(indices: Array) -> Array:
    return indices[np.linspace(0, len(indices) - 1, _POINTS).astype(np.int64)]


def _small(images: FrameImages, stands: Array | None) -> tuple[Array, Array, Array]:
    """Depth (below 0 where it cannot be the object), colours and camera of the frame, four times smaller."""
    factor = SHRINK
    depth = np.ascontiguousarray(images.depth_m[factor // 2 :: factor, factor // 2 :: factor])
    if stands is not None:
        depth = np.where(stands == STANDS, -depth, depth)
    rgb = images.level(_HALVINGS)
    height, width = min(depth.shape[0], rgb.shape[0]), min(depth.shape[1], rgb.shape[1])
    depth, rgb = (np.ascontiguousarray(picture[:height, :width]) for picture in (depth, rgb))
    fx, fy, cx, cy = images.cam / factor
    return depth, rgb, np.array([fx, fy, cx - 0.5, cy - 0.5])


def _turns(R: Array) -> Array:
    """(7, 3, 3): a rotation and six about it."""
    turns = [R] + [_turned(R, axis, sign * _TURN_RAD) for axis in range(3) for sign in (-1, 1)]
    return np.stack(turns)


def _turned(R: Array, axis: int, angle_rad: float) -> Array:
    turned, w = R.copy(), np.zeros(3)
    w[axis] = angle_rad
    turn_by(w, turned)
    return turned


def _peaks(merit: Array, places: Array, apart_m: float) -> tuple[Array, Array]:
    """Turns and places (K,) of the best merits that are apart from better ones."""
    turn = np.argmax(merit, axis=0)
    best = merit.max(axis=0)
    kept: list[int] = []
    for k in np.argsort(-best, kind="stable"):
        if len(kept) >= _REFINED or best[k] <= 0:
            break
        if all(np.linalg.norm(places[k] - places[other]) > apart_m for other in kept):
            kept.append(int(k))
    return turn[kept], np.array(kept, np.int64)
