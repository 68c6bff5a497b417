"""The turn about an axis of near-symmetry, tried all the way round: no small step finds it again once it is lost."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from estimators.geometric.surface import Axis, Surface
from schemas.arrays import Array

if TYPE_CHECKING:
    from estimators.geometric.fit import Placement
    from estimators.geometric.pictures import FrameImages

STEPS = 36
_SEEN_STRIDE_PX = 3
_LEAST_GOOD = 25
_REACH_SLACK_M = 0.005
_HIDDEN_WEIGHT = 0.25
_CHROMA_FLOOR, _LIGHT_FLOOR = 0.01, 0.02  # variances that noise alone can have
_COLOUR_SHARE = 0.5
_LOGS = np.log(np.arange(256) + 16.0)


@dataclass(frozen=True, slots=True, eq=False)
class Wheel:
    """What is needed to try turns about an axis.

    Attributes:
        surface: Points of the mesh about its centre.
        axis: Of near-symmetry.
        logs: (N, 3) float64: log red over green, log blue over green, mean log, of the mesh's colour.
        body: (M, 2) float64 height along and distance from the axis of points that are of revolution, metres.
        odd: (K, 3) float64 points that are not, about the centre.
        hub: (3,) float64 the place on the axis beside the middle of the odd part, about the centre.
        reach_m: How far from there the odd part reaches.
        colour_share: How much of the merit colours decide: 0 on a mesh of one colour.
    """

    surface: Surface
    axis: Axis
    logs: Array
    body: Array
    odd: Array
    hub: Array
    reach_m: float
    colour_share: float


def make_wheel(surface: Surface, axis: Axis) -> Wheel:
    """Make the turns about an axis ready."""
    logs = np.log(surface.rgb + 16.0)
    ratios = np.stack([logs[:, 0] - logs[:, 1], logs[:, 2] - logs[:, 1], logs.mean(axis=1)], axis=1)
    from_axis = surface.points - axis.origin
    height = from_axis @ axis.direction
    distance = np.linalg.norm(from_axis - height[:, None] * axis.direction, axis=1)
    body = np.ascontiguousarray(np.stack([height, distance], axis=1)[~axis.odd])
    chroma, light = float(ratios[:, :2].var(axis=0).sum()), float(ratios[:, 2].var())
    relief = max(chroma / (chroma + 4 * _CHROMA_FLOOR), light / (light + 4 * _LIGHT_FLOOR))
    odd = np.ascontiguousarray(surface.points[axis.odd])
    hub = axis.origin + (height[axis.odd].mean() if len(odd) else 0.0) * axis.direction
    reach_m = float(np.linalg.norm(odd - hub, axis=1).max(initial=0.0)) + _REACH_SLACK_M
    return Wheel(surface, axis, ratios, body, odd, hub, reach_m, _COLOUR_SHARE * relief)


def about(axis: Axis, angle_rad: float) -> tuple[Array, Array]:
    """(3, 3) and (3,): the turn by an angle about an axis, as a map of points about the centre."""
    x, y, z = axis.direction
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    A = np.eye(3) + np.sin(angle_rad) * cross + (1 - np.cos(angle_rad)) * cross @ cross
    return A, axis.origin - A @ axis.origin


def sweep(wheel: Wheel, placement: "Placement", images: "FrameImages") -> Array:
    """(36,) merit of a placement turned by steps of 10 degrees about the axis, the first without a turn.

    Merit is the share of what should be seen that depth confirms (a handle that depth sees through, or a bump that
    the body alone does not explain, counts against it), times how well the mesh's colours are found again.
    0 everywhere where too little is in view to tell.
    """
    turns = [about(wheel.axis, 2 * np.pi * k / STEPS) for k in range(STEPS)]
    R = np.stack([placement.R @ A for A, _ in turns])
    t = np.stack([placement.R @ b + placement.t for _, b in turns])
    left = _leftover(wheel, placement, images)
    level, surface = images.level(1), wheel.surface
    return _merits(
        surface.points, surface.normals, wheel.logs, wheel.odd, R, t, images.depth_m, images.cam, level, _LOGS, left,
        wheel.colour_share,
    )  # fmt: skip


def _leftover(wheel: Wheel, placement: "Placement", images: "FrameImages") -> Array:
    """(N, 3) measured points, about the centre, that the body does not explain and the odd part could at some turn."""
    if not len(wheel.odd):
        return np.zeros((0, 3))
    # about the axis: a handle that is taken to be on the wrong side moves the middle of the box there
    seen = _near(images, placement.R @ wheel.hub + placement.t, wheel.reach_m)
    local = (seen - placement.t) @ placement.R
    from_axis = local - wheel.axis.origin
    height = from_axis @ wheel.axis.direction
    distance = np.linalg.norm(from_axis - height[:, None] * wheel.axis.direction, axis=1)
    profile = np.stack([height, distance], axis=1)
    odd_from = wheel.odd - wheel.axis.origin
    odd_height = odd_from @ wheel.axis.direction
    odd_distance = np.linalg.norm(odd_from - odd_height[:, None] * wheel.axis.direction, axis=1)
    odd_profile = np.stack([odd_height, odd_distance], axis=1)
    tolerance = 0.004 + 0.008 * placement.t[2] ** 2
    free = _gap(profile, wheel.body) > 1.5 * tolerance
    return np.ascontiguousarray(local[free & (_gap(profile, odd_profile) < 1.5 * tolerance)])


def _near(images: "FrameImages", middle_m: Array, reach_m: float) -> Array:
    """(N, 3) measured points within reach of a place (3,), in the camera's frame."""
    fx, fy, cx, cy = images.cam
    x, y, z = middle_m
    z = max(z, 0.1)
    u, v, half = fx * x / z + cx, fy * y / z + cy, fx * reach_m / z
    height, width = images.depth_m.shape
    top, left = int(max(0, v - half)), int(max(0, u - half))
    patch = images.depth_m[top : int(max(0, min(height, v + half))) : _SEEN_STRIDE_PX,
                           left : int(max(0, min(width, u + half))) : _SEEN_STRIDE_PX]  # fmt: skip
    rows, columns = np.nonzero(np.abs(patch - z) < reach_m)
    depth = patch[rows, columns].astype(np.float64)
    seen_x = (left + columns * _SEEN_STRIDE_PX - cx) / fx * depth
    seen_y = (top + rows * _SEEN_STRIDE_PX - cy) / fy * depth
    seen = np.stack([seen_x, seen_y, depth], axis=1)
    return seen[np.linalg.norm(seen - middle_m, axis=1) < reach_m]


@njit(nogil=True, cache=True)
def _gap(queries: Array, points: Array) -> Array:
    """(M,) distances of queries (M, 2) to their nearest point (N, 2)."""
    out = np.empty(queries.shape[0])
    for i in range(queries.shape[0]):
        best = np.inf
        for j in range(points.shape[0]):
            best = min(best, (queries[i, 0] - points[j, 0]) ** 2 + (queries[i, 1] - points[j, 1]) ** 2)
        out[i] = np.sqrt(best)
    return out


@njit(nogil=True, cache=True)
def _merits(
    points: Array, normals: Array, logs: Array, odd: Array, R: Array, t: Array, depth: Array, cam: Array, rgb: Array,
    table: Array, left: Array, colour_share: float,
) -> Array:  # fmt: skip
    out, textured = np.zeros(R.shape[0]), colour_share > 0.02
    for b in range(R.shape[0]):
        colour = np.zeros(16)
        good, wrong, hidden = _agree(points, normals, logs, R[b], t[b], depth, cam, rgb, table, textured, colour)
        if good < _LEAST_GOOD:
            return np.zeros(R.shape[0])
        explained = _explained(left, odd, R[0], R[b], t[0], t[b], 0.004 + 0.008 * t[0, 2] ** 2)
        unexplained = left.shape[0] - explained
        out[b] = (good + explained) / (good + explained + wrong + unexplained + _HIDDEN_WEIGHT * hidden)
        if textured:
            out[b] *= 1.0 - colour_share + colour_share * max(0.0, _likeness(colour, good))
    return out


@njit(nogil=True, cache=True)
def _agree(
    points: Array, normals: Array, logs: Array, R: Array, t: Array, depth: Array, cam: Array, rgb: Array, table: Array,
    textured: bool, colour: Array,
) -> tuple[float, float, float]:  # fmt: skip
    """Points measured in place, seen through and hidden; ``colour`` (16,) gathers the sums of their correlations."""
    height, width = depth.shape
    good, wrong, hidden = 0.0, 0.0, 0.0
    q, n = np.empty(3), np.empty(3)
    for i in range(points.shape[0]):
        facing = 0.0
        for k in range(3):
            q[k] = R[k, 0] * points[i, 0] + R[k, 1] * points[i, 1] + R[k, 2] * points[i, 2] + t[k]
            n[k] = R[k, 0] * normals[i, 0] + R[k, 1] * normals[i, 1] + R[k, 2] * normals[i, 2]
            facing -= n[k] * q[k]
        facing /= np.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2])
        if facing < 0.25 or q[2] < 0.05:
            continue
        u, v = round(q[0] / q[2] * cam[0] + cam[2]), round(q[1] / q[2] * cam[1] + cam[3])
        if u < 0 or v < 0 or u >= width or v >= height or not depth[v, u] > 0.0:
            continue
        gap = (depth[v, u] - q[2]) * facing
        tolerance = 0.006 + 0.008 * q[2] * q[2]
        if gap > tolerance:
            wrong += 1.0
        elif gap < -tolerance:
            hidden += 1.0
        else:
            good += 1.0
            if textured:
                _gather(rgb, min(u // 2, rgb.shape[1] - 1), min(v // 2, rgb.shape[0] - 1), table, logs[i], colour)
    return good, wrong, hidden


@njit(nogil=True, cache=True, inline="always")
def _gather(rgb: Array, u: int, v: int, table: Array, drawn: Array, colour: Array) -> None:
    r, g, b = table[rgb[v, u, 0]], table[rgb[v, u, 1]], table[rgb[v, u, 2]]
    for k in range(3):
        seen = r - g if k == 0 else (b - g if k == 1 else (r + g + b) / 3.0)
        colour[5 * k] += seen
        colour[5 * k + 1] += drawn[k]
        colour[5 * k + 2] += seen * seen
        colour[5 * k + 3] += drawn[k] * drawn[k]
        colour[5 * k + 4] += seen * drawn[k]


@njit(nogil=True, cache=True)
def _likeness(colour: Array, count: float) -> float:
    """Correlation of colour and brightness, -1 to 1, from sums."""
    both, seen, drawn = np.zeros(2), np.zeros(2), np.zeros(2)
    for k in range(3):
        j = 0 if k < 2 else 1
        a, b = colour[5 * k] / count, colour[5 * k + 1] / count
        seen[j] += colour[5 * k + 2] / count - a * a
        drawn[j] += colour[5 * k + 3] / count - b * b
        both[j] += colour[5 * k + 4] / count - a * b
    chroma = both[0] / np.sqrt((seen[0] + _CHROMA_FLOOR) * (drawn[0] + _CHROMA_FLOOR))
    light = both[1] / np.sqrt((seen[1] + _LIGHT_FLOOR) * (drawn[1] + _LIGHT_FLOOR))
    return 0.6 * chroma + 0.4 * light


@njit(nogil=True, cache=True)
def _explained(left: Array, odd: Array, R0: Array, R: Array, t0: Array, t: Array, tolerance: float) -> float:
    """How many leftover points (about the centre of the unturned placement) lie on the odd part of a turned one."""
    count = 0.0
    p, q = np.empty(3), np.empty(3)
    for i in range(left.shape[0]):
        for k in range(3):
            p[k] = R0[k, 0] * left[i, 0] + R0[k, 1] * left[i, 1] + R0[k, 2] * left[i, 2] + t0[k] - t[k]
        for k in range(3):
            q[k] = R[0, k] * p[0] + R[1, k] * p[1] + R[2, k] * p[2]
        for j in range(odd.shape[0]):
            gap = (q[0] - odd[j, 0]) ** 2 + (q[1] - odd[j, 1]) ** 2 + (q[2] - odd[j, 2]) ** 2
            if gap < 4.0 * tolerance * tolerance:
                count += 1.0
                break
    return count
