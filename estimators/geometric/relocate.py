"""Finding a lost object again near the place where it was last seen."""

from collections.abc import Callable

import numpy as np

from estimators.geometric.align import refine_all
from estimators.geometric.fit import Fit, Placement, fit
from estimators.geometric.judge import judge_all
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.solve import turn_by
from estimators.geometric.views import directions
from estimators.rendering import Renderer
from schemas.arrays import Array, checked

_SPACING, _GROWTH, _WIDEST = 0.35, 0.02, 0.8  # of the grid in diameters; it widens while the object is lost
_TURN_RAD = np.radians(25.0)
_PLAN = np.array([[0.30, 0.04, 0.01, 0.08], [0.15, 0.03, 0.01, 0.05], [0.10, 0.02, 0.01, 0.04]])
_DAMPING = np.array([5.0, 50.0])
_FITTED = 5
_APART_DIAMETERS = 0.15
_REACH_DIAMETERS, _REACH_M, _FARTHEST_DIAMETERS = 0.5, 0.035, 5.0
_NEAREST_M = 0.05  # nothing is seen at the camera or behind it
_NO_POINTS = np.zeros((0, 3))
_NO_MASK = checked("mask", np.zeros((0, 0), np.bool_), (0, 0), np.bool_)


def relocate(
    model: ObjectModel,
    last: Placement,
    lost_frames: int,
    images: FrameImages,
    renderer: Renderer,
    score: Callable[[Fit], float],
) -> Fit | None:
    """The best fit on a grid about the last trusted placement; None where nothing fits at all.

    Places farther than half a diameter and 2 cm for each lost frame are refused: an equal object stands there.

    Args:
        model: The object.
        last: Where it was last trusted.
        lost_frames: For how many frames it has been lost.
        images: The frame.
        renderer: What draws.
        score: Tells fits apart.
    """
    if last.t[2] < _NEAREST_M:
        return None
    D = model.mesh.diameter_m
    direction = last.R.T @ (-last.t / np.linalg.norm(last.t))
    nearest = int(np.argmax(directions() @ direction))
    R, t = _grid(last, model, nearest, lost_frames, images)
    if not len(R):
        return None
    view = np.full(len(R), nearest)
    plan = _PLAN * [D, D, 1.0, D]
    points, normals = model.views.points, model.views.normals
    thin = (np.ascontiguousarray(points[:, ::2]), np.ascontiguousarray(normals[:, ::2]))
    refine_all(*thin, view, R, t, images.depth_m, images.cam, plan, _DAMPING)
    merit = judge_all(points, view, R, t, images.depth_m, _NO_MASK, images.cam, _NO_POINTS, D)
    reach = min(_REACH_DIAMETERS * D + _REACH_M * lost_frames, _FARTHEST_DIAMETERS * D)
    merit[np.linalg.norm(t - last.t, axis=1) > reach] = 0.0
    fits = [fit(model, Placement(R[k], t[k]), images, renderer) for k in _apart(t, merit, D)]
    near = [it for it in fits if it is not None and np.linalg.norm(it.placement.t - last.t) <= reach]
    return max(near, key=score) if near else None


def _grid(last: Placement, model: ObjectModel, view: int, lost_frames: int, images: FrameImages) -> tuple[Array, Array]:
    """(B, 3, 3) and (B, 3): the last rotation and six about it, at the last place and on the surfaces around it."""
    D, (fx, fy, cx, cy) = model.mesh.diameter_m, images.cam
    turns = [last.R] + [_turned(last.R, axis, sign * _TURN_RAD) for axis in range(3) for sign in (-1, 1)]
    spacing = D * min(_SPACING + _GROWTH * lost_frames, _WIDEST)
    height, width = images.depth_m.shape
    places = [last.t]
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            x, y = last.t[0] + dx * spacing, last.t[1] + dy * spacing
            u, v = round(x / last.t[2] * fx + cx), round(y / last.t[2] * fy + cy)
            patch = images.depth_m[max(0, v - 3) : v + 4, max(0, u - 3) : u + 4] if u > -4 and v > -4 else _NO_POINTS
            known = patch[patch > 0]
            if len(known) and u < width + 3 and v < height + 3:
                z = float(np.median(known)) - model.views.depth_m[view]
                places.append(np.array([(u - cx) / fx * z, (v - cy) / fy * z, z]))
    R = np.tile(np.stack(turns), (len(places), 1, 1))
    return R, np.repeat(np.stack(places), len(turns), axis=0)


def _turned(R: Array, axis: int, angle_rad: float) -> Array:
    turned, w = R.copy(), np.zeros(3)
    w[axis] = angle_rad
    turn_by(w, turned)
    return turned


def _apart(t: Array, merit: Array, diameter_m: float) -> list[int]:
    """The best hypotheses of different places, and the best few of all."""
    order = [int(k) for k in np.argsort(-merit, kind="stable") if merit[k] > 0]
    kept = order[:2]
    for k in order[2:]:
        if len(kept) >= _FITTED:
            break
        if all(np.linalg.norm(t[k] - t[other]) > _APART_DIAMETERS * diameter_m for other in kept):
            kept.append(k)
    return kept
