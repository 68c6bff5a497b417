"""Where an object ends in the picture, by depth and by the colours that depth shows it and its surroundings to have."""

import cv2
import numpy as np
from numba import njit

from estimators.geometric.colours import CELLS, cell, histogram, log_odds, smooth
from estimators.geometric.contour import SHARP_PX, find_contour
from estimators.geometric.information import slips, symmetric
from estimators.geometric.look import Look
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.resemblance import in_crop
from estimators.geometric.solve import add_row
from schemas.arrays import Array

_HALF_PX, _OFFSETS_PX = 14, 8  # of the crop: a line on each side of the outline, and where its end is looked for
_THERE_M, _HIDDEN_M = 0.03, -0.03
_BEHIND_LOG, _THERE_LOG = np.log(0.1), np.log(2.0)  # odds that depth gives a pixel
_NEIGHBOURS = 0.4  # neighbouring pixels are not as many pieces of evidence
_LEAST_VARIANCE_PX, _MOST_VARIANCE_PX = 3.0, 9.0
_CUT_PX = 3.0
_FEWEST_PIXELS = 60
_AROUND = np.ones((25, 25), np.uint8)
_NEAREST_M = 0.05
_WEAK_M = 0.01  # below, depth and texture know more than the outline's pixels
_POINT_M, _SEEN_POINTS = 0.006, 40  # sigma of a measured point; of 280
NO_OUTLINE = (np.zeros((0, 3)), np.zeros((0, 2)), np.zeros((0, 4)), np.ones(4))


def is_weak(information: Array, R: Array, model: ObjectModel) -> bool:
    """Whether depth and texture see much of an object and yet do not hold it in every direction.

    Such is a plain can from its side, along its axis, and a face alone, along itself: there the outline tells more.
    Where little is seen of an object, most of what looks like its outline is that of what hides it.
    """
    seen = (information[3, 3] + information[4, 4] + information[5, 5]) * _POINT_M**2
    return bool(seen > _SEEN_POINTS) and slips(information, R, model.unseen, model.mesh.diameter_m / 2, _WEAK_M)


def without_turn(after: Array, before: Array, R: Array, model: ObjectModel) -> Array:
    """(6, 6) information with an outline, lower half, in which a turn about the axis is as well known as before it.

    Such a turn leaves an outline of revolution where it is: what normals of a jagged picture say of it is not so.
    """
    if model.wheel is None:
        return after
    axis, late, early = model.wheel.axis, symmetric(after), symmetric(before)
    turn = np.concatenate([R @ axis.direction, R @ np.cross(axis.origin, axis.direction)])
    told, known = late @ turn, early @ turn
    return late - np.outer(told, told) / max(turn @ told, 1e-9) + np.outer(known, known) / max(turn @ known, 1e-9)


def find_outline(look: Look, placement: Placement, images: FrameImages) -> tuple[Array, Array, Array, Array]:
    """Points of the drawn outline (N, 3) about the centre, their normals (N, 2), where lines across it end, the camera.

    Ends are (N, 4) float64: pixels of the crop (u, v), variance in squared pixels and 1, or 0 where a line says nothing
    or something stands in front. The camera (4,) is the crop's.
    """
    contour = find_contour(look, placement, SHARP_PX)
    measured = in_crop(images.depth_m, look)
    table = _colour_odds(look, measured)
    depth_m = np.ascontiguousarray((contour.points @ placement.R.T + placement.t)[:, 2])
    ends = np.zeros((len(contour.points), 4))
    _sense(contour.at_px, contour.normals, depth_m, look.crop.rgb, table, measured, ends)
    return contour.points, np.ascontiguousarray(contour.normals), ends, look.crop.cam


def _colour_odds(look: Look, measured: Array) -> Array:
    """(4096,) float32 logarithm of the odds that a colour is the object's, learned where depth is sure."""
    own = look.mask & (measured > 0) & (np.abs(measured - look.depth_m) < _THERE_M)
    around = cv2.dilate(look.mask.view(np.uint8), _AROUND).view(np.bool_) & ~look.mask & (measured > 0)
    around &= measured > float(np.median(look.depth_m[look.mask])) + _THERE_M
    if own.sum() < _FEWEST_PIXELS or around.sum() < _FEWEST_PIXELS:
        return np.zeros(CELLS, np.float32)
    return log_odds(smooth(histogram(look.crop.rgb[own])), smooth(histogram(look.crop.rgb[around])))


@njit(nogil=True, cache=True)
def _sense(at: Array, normals: Array, depth_m: Array, rgb: Array, table: Array, measured: Array, out: Array) -> None:
    """Write to ``out`` where each line passes from the object to what is not; see ``find_outline``."""
    size, line = measured.shape[0], np.empty(2 * _HALF_PX + 1)
    for i in range(at.shape[0]):
        free = True
        for k in range(-_HALF_PX, _HALF_PX + 1):
            column, row = round(at[i, 0] + k * normals[i, 0]), round(at[i, 1] + k * normals[i, 1])
            line[k + _HALF_PX] = 0.0
            if row < 0 or column < 0 or row >= size or column >= size:
                continue
            value, d = 0.0, float(measured[row, column])
            if d > 0.0 and d - depth_m[i] < _HIDDEN_M:
                free = free and abs(k) > _OFFSETS_PX // 2
            else:
                value = float(table[cell(rgb[row, column])])
            if d > 0.0 and not d - depth_m[i] < _HIDDEN_M:
                value += _BEHIND_LOG if d - depth_m[i] > _THERE_M else _THERE_LOG
            line[k + _HALF_PX] = _NEIGHBOURS * value
        if free:
            _end(line, at[i], normals[i], out[i])


@njit(nogil=True, cache=True)
def _end(line: Array, at: Array, normal: Array, out: Array) -> None:
    """Mean place and variance of the end of a line whose pixels have these log-odds; nothing where it is not seen."""
    count = 2 * _OFFSETS_PX + 1
    total, top, best, chance = 0.0, -1e30, -1, np.empty(count)
    for d in range(count):
        # pixels before the end belong to the object, what follows does not
        total += line[_HALF_PX - _OFFSETS_PX + d]
        chance[d] = total
        if total > top:
            top, best = total, d
    if best == 0 or best == count - 1:
        return
    whole, mean, square = 0.0, 0.0, 0.0
    for d in range(count):
        p = np.exp(chance[d] - top)
        place = d - _OFFSETS_PX + 0.5
        whole, mean, square = whole + p, mean + p * place, square + p * place * place
    mean /= whole
    variance = max(square / whole - mean * mean, 0.0) + _LEAST_VARIANCE_PX
    if variance < _MOST_VARIANCE_PX:
        out[0], out[1], out[2], out[3] = at[0] + mean * normal[0], at[1] + mean * normal[1], variance, 1.0


@njit(nogil=True, cache=True)
def outline_rows(
    points: Array, normals: Array, ends: Array, R: Array, t: Array, cam: Array, H: Array, g: Array
) -> None:
    """Add one row for each line of ``find_outline``; ``cam`` (4,) is the crop's."""
    p, d = np.empty(3), np.empty(3)
    for i in range(points.shape[0]):
        if ends[i, 3] == 0.0:
            continue
        for k in range(3):
            p[k] = R[k, 0] * points[i, 0] + R[k, 1] * points[i, 1] + R[k, 2] * points[i, 2]
        x, y, z = p[0] + t[0], p[1] + t[1], p[2] + t[2]
        if z < _NEAREST_M:
            continue
        nx, ny = normals[i, 0], normals[i, 1]
        residual = nx * (ends[i, 0] - cam[0] * x / z - cam[2]) + ny * (ends[i, 1] - cam[1] * y / z - cam[3])
        d[0], d[1], d[2] = nx * cam[0] / z, ny * cam[1] / z, -(nx * cam[0] * x + ny * cam[1] * y) / (z * z)
        robust = _CUT_PX * _CUT_PX / (_CUT_PX * _CUT_PX + residual * residual)
        add_row(p, d, residual, robust * robust / ends[i, 2], H, g)
