"""First guesses of a pose from a mask, moved onto the depth and judged there, by the hundred."""

from dataclasses import dataclass

import cv2
import numpy as np

from estimators.geometric.align import refine_all
from estimators.geometric.judge import judge_all
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from schemas.arrays import Array, checked

_MIN_PIXELS = 30
_ROUNDS = np.array([[0.35, 0.07], [0.25, 0.05], [0.15, 0.03], [0.10, 0.02]])  # search and stride in diameters
_CUTS = np.array([0.1, 0.08, 0.05, 0.04])  # robust scales in diameters
_DAMPING = np.diag(np.repeat([5.0, 50.0], 3))
_SIGMA_M = 0.01
_SLACK = 0.06
_KEPT = 50
_RING_PX = 7
_OCCLUDER_M = 0.015
_HIDDEN_SIDE_SHARE = 0.15
_SEEN_POINTS = 120


@dataclass(frozen=True, slots=True, eq=False)
class Hypotheses:
    """Guesses, best first.

    Attributes:
        R: (B, 3, 3) float64 rotations of cam_from_centre.
        t: (B, 3) float64, metres.
        merit: (B,) float64: agreement of the view's points with depth and mask, times the share of the
            mask's points that they explain.
    """

    R: Array
    t: Array
    merit: Array


def guess(model: ObjectModel, mask: Array, images: FrameImages) -> Hypotheses | None:
    """Hypotheses for an object whose visible pixels are given; None where mask or depth under it are too small.

    Args:
        model: The object.
        mask: (H, W) bool.
        images: The frame.
    """
    masked = checked("depth_m", np.where(mask, images.depth_m, np.float32(0)), mask.shape, np.float32)
    seen = _seen_points(masked, images.cam)
    if seen is None:
        return None
    R, t, view = _starts(model, mask, masked, images)
    D = model.mesh.diameter_m
    plan = np.column_stack([_ROUNDS * D, np.full(4, _SIGMA_M), _CUTS * D])
    points, normals = model.views.points, model.views.normals
    thin = (np.ascontiguousarray(points[:, ::3]), np.ascontiguousarray(normals[:, ::3]))
    refine_all(*thin, view, R, t, masked, images.cam, plan[:2], _DAMPING)
    merit = judge_all(points, view, R, t, images.depth_m, mask, images.cam, seen, D)
    best = np.argsort(-merit, kind="stable")[:_KEPT]
    rotations, shifts, view = R[best], t[best], view[best]
    refine_all(points, normals, view, rotations, shifts, masked, images.cam, plan[1:], _DAMPING)
    merit = judge_all(points, view, rotations, shifts, images.depth_m, mask, images.cam, seen, D)
    order = np.argsort(-merit, kind="stable")
    return Hypotheses(rotations[order], shifts[order], merit[order])


def _seen_points(masked: Array, cam: Array) -> Array | None:
    """(N, 3) measured points under the mask, evenly thinned; None where there are too few."""
    rows, columns = np.nonzero(masked > 0)
    if len(rows) < _MIN_PIXELS:
        return None
    chosen = np.linspace(0, len(rows) - 1, min(_SEEN_POINTS, len(rows))).astype(np.int64)
    rows, columns = rows[chosen], columns[chosen]
    z = masked[rows, columns].astype(np.float64)
    return np.stack([(columns - cam[2]) / cam[0] * z, (rows - cam[3]) / cam[1] * z, z], axis=1)


def _starts(model: ObjectModel, mask: Array, masked: Array, images: FrameImages) -> tuple[Array, Array, Array]:
    """Rotations, translations and views: the outline's box on the mask's box.

    Where something hides a side of the object, also shifted towards that side as far as the outline is larger.
    """
    views = model.views
    rows, columns = np.nonzero(mask)
    z = float(np.median(masked[masked > 0])) - views.depth_m[views.view]
    turned = np.einsum("bij,bnj->bni", views.rotations, views.points[views.view])[..., :2]
    low, high = turned.min(axis=1), turned.max(axis=1)
    focal, middle = images.cam[:2], images.cam[2:]
    box = np.array([[columns.min(), rows.min()], [columns.max(), rows.max()]], np.float64)
    at = (box.mean(axis=0) - middle) / focal
    t = np.column_stack([at * z[:, None] - (low + high) / 2, z])
    slack = np.maximum(0.0, (high - low - (box[1] - box[0]) / focal * z[:, None]) / 2)
    starts = [(views.rotations, t, views.view)]
    for direction in _hidden_sides(mask, images.depth_m, float(np.median(masked[masked > 0]))):
        shift = slack * direction
        moved = np.abs(shift).max(axis=1) > _SLACK * model.mesh.diameter_m
        starts.append((views.rotations[moved], t[moved] + np.pad(shift[moved], ((0, 0), (0, 1))), views.view[moved]))
    R, t, view = (np.ascontiguousarray(np.concatenate(parts)) for parts in zip(*starts, strict=True))
    return R, t, view


def _hidden_sides(mask: Array, depth_m: Array, at_m: float) -> list[Array]:
    """Directions (x, y) in which the mask ends at something nearer or at the image's edge."""
    height, width = mask.shape
    ring = cv2.dilate(mask.astype(np.uint8), np.ones((_RING_PX, _RING_PX), np.uint8)) > 0
    ring &= ~mask
    nearer = ring & (depth_m > 0) & (depth_m < at_m - _OCCLUDER_M)
    rows, columns = np.nonzero(mask)
    left, right, top, bottom = columns.min(), columns.max(), rows.min(), rows.max()
    thirds = ((right - left) // 3, (bottom - top) // 3)
    sides = {
        (-1, 0): ((slice(None), slice(0, left + thirds[0])), left <= 1),
        (1, 0): ((slice(None), slice(right - thirds[0], width)), right >= width - 2),
        (0, -1): ((slice(0, top + thirds[1]), slice(None)), top <= 1),
        (0, 1): ((slice(bottom - thirds[1], height), slice(None)), bottom >= height - 2),
    }
    found = [
        np.array(direction, np.float64)
        for direction, (part, at_edge) in sides.items()
        if at_edge or nearer[part].sum() > _HIDDEN_SIDE_SHARE * max(1, ring[part].sum())
    ]
    return found + ([found[0] + found[1]] if len(found) == 2 and abs(found[0] @ found[1]) < 0.5 else [])
