"""Masks for photos that have none: GrabCut from the object's box, and from depth where there is some."""

from dataclasses import replace

import cv2
import numpy as np

from estimators.reconstruction.view import View
from schemas.arrays import Array

_WORK_PX = 400  # longer side of what is cut: larger ones cost more and gain nothing
_ROOM = 0.05
_AROUND = 0.25  # of the box's size in the picture: what is behind it is learned there
_ROUNDS = 4
_ALSO_M = 0.004  # depth is so far off
_CORE = 0.35  # of the box about its middle: in most objects it is the object
_LEAST_SHARE, _MOST_SHARE = 0.08, 0.98  # of the box's picture; else nothing was told apart


def cut_out(view: View, low_m: Array, high_m: Array) -> View:
    """The view with a mask of what is in a box; without one where that cannot be told.

    GrabCut (Rother et al. 2004) learns the colours about the box's picture as those of what is behind; what depth sees
    in the box, or beside it, is known beforehand.

    Args:
        view: A photo without a mask.
        low_m: (3,) corner of the box, object's frame.
        high_m: (3,) opposite corner.
    """
    room = _ROOM * (high_m - low_m)  # somebody measured it by hand
    low_m, high_m = low_m - room, high_m + room
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    outline = _drawn(view, low_m + corners * (high_m - low_m))
    if not outline.any():
        return view
    top, left, bottom, right = _window(outline)
    trimap = np.where(outline, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    middle, half = (low_m + high_m) / 2, (high_m - low_m) / 2
    core = _drawn(view, middle + (2 * corners - 1) * half * _CORE)
    trimap[core] = cv2.GC_FGD if view.depth_m is None else cv2.GC_PR_FGD
    if view.depth_m is not None:
        _mark_depth(trimap, view, low_m, high_m)
    part = np.s_[top:bottom, left:right]
    found = _grab(view.rgb[part], trimap[part])
    share = found.sum() / max(1, int(outline[part].sum()))
    if not _LEAST_SHARE < share < _MOST_SHARE:
        return view
    mask = np.zeros(view.size_px, np.bool_)
    mask[part] = found
    return replace(view, mask=mask)


def _drawn(view: View, points_m: Array) -> Array:
    """(H, W) bool, the convex outline of points; empty where one is behind the camera."""
    pixels, z = view.project(points_m)
    canvas = np.zeros(view.size_px, np.uint8)
    if (z > 0).all():
        cv2.fillConvexPoly(canvas, cv2.convexHull(np.rint(pixels).astype(np.int32)), 1)
    return canvas > 0


def _window(outline: Array) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(outline.any(axis=1)), np.flatnonzero(outline.any(axis=0))
    by = int(_AROUND * max(np.ptp(rows), np.ptp(columns))) + 8
    height, width = outline.shape
    top, left = max(0, int(rows[0]) - by), max(0, int(columns[0]) - by)
    return top, left, min(height, int(rows[-1]) + by + 1), min(width, int(columns[-1]) + by + 1)


def _mark_depth(trimap: Array, view: View, low_m: Array, high_m: Array) -> None:
    """What depth sees inside the box is the object, what it sees outside is not."""
    depth = view.depth_m
    assert depth is not None  # noqa: S101 - asked by the caller
    rows, columns = np.nonzero((depth > 0) & (trimap != cv2.GC_BGD))
    z = depth[rows, columns].astype(np.float64)
    rays = np.stack([columns, rows, np.ones(len(rows))], axis=1) @ np.linalg.inv(view.K).T
    R, t = view.cam_from_obj[:3, :3], view.cam_from_obj[:3, 3]
    points = (rays * z[:, None] - t) @ R
    inside = ((points > low_m + _ALSO_M) & (points < high_m + _ALSO_M)).all(axis=1)
    beside = ((points < low_m - _ALSO_M) | (points > high_m + _ALSO_M)).any(axis=1)
    trimap[rows[inside], columns[inside]] = cv2.GC_FGD
    trimap[rows[beside], columns[beside]] = cv2.GC_BGD


def _grab(rgb: Array, trimap: Array) -> Array:
    """(h, w) bool, the largest piece of what GrabCut takes for the object."""
    height, width = trimap.shape
    scale = min(1.0, _WORK_PX / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    marks = cv2.resize(trimap, size, interpolation=cv2.INTER_NEAREST)
    known = set(np.unique(marks).tolist())
    if not (known & {cv2.GC_FGD, cv2.GC_PR_FGD} and known & {cv2.GC_BGD, cv2.GC_PR_BGD}):
        return np.zeros(trimap.shape, np.bool_)
    cv2.setRNGSeed(1)  # GrabCut starts by k-means
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(small), marks, (0, 0, 1, 1), *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found)
    if count < 2:
        return np.zeros(trimap.shape, np.bool_)
    largest = (labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))).astype(np.uint8)
    filled = cv2.morphologyEx(largest, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR) > 0
