"""The turn about an axis of near-symmetry, tried all the way round: no small step finds it again once it is lost."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from estimators.geometric.surface import Axis, Surface
from estimators.geometric.tint import LOGS, agree, likeness_of, relief_of
from schemas.arrays import Array

if TYPE_CHECKING:
    from estimators.geometric.pictures import FrameImages
    from estimators.geometric.placement import Placement

STEPS = 36
_SEEN_STRIDE_PX = 3
_LEAST_GOOD = 25
_REACH_SLACK_M = 0.005
_BESIDE_PX = 2
_HIDDEN_WEIGHT = 0.25
_COLOUR_SHARE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Wheel:
    """What is needed to try turns about an axis.

    Attributes:
        axis: Of near-symmetry.
        points: (N, 3) float64 about the mesh's centre, those that are of revolution.
        normals: (N, 3) float64.
        tints: (N, 3) float64 of the mesh's colours, see ``tint.tints``.
        body: (M, 2) float64 height along and distance from the axis of points that are of revolution, metres.
        odd: (K, 3) float64 points that are not, about the centre.
        hub: (3,) float64 the place on the axis beside the middle of the odd part, about the centre.
        reach_m: How far from there the odd part reaches.
        colour_share: How much of the merit colours decide: 0 on a mesh of one colour.
    """

    axis: Axis
    points: Array
    normals: Array
    tints: Array
    body: Array
    odd: Array
    hub: Array
    reach_m: float
    colour_share: float


def make_wheel(surface: Surface, axis: Axis) -> Wheel:
    """Make the turns about an axis ready."""
    tinted = surface.tints
    from_axis = surface.points - axis.origin
    height = from_axis @ axis.direction
    distance = np.linalg.norm(from_axis - height[:, None] * axis.direction, axis=1)
    round_ones = ~axis.odd
    profile = np.ascontiguousarray(np.stack([height, distance], axis=1)[round_ones])
    odd = np.ascontiguousarray(surface.points[axis.odd])
    hub = axis.origin + (height[axis.odd].mean() if len(odd) else 0.0) * axis.direction
    reach_m = float(np.linalg.norm(odd - hub, axis=1).max(initial=0.0)) + _REACH_SLACK_M
    points, normals = surface.points[round_ones], surface.normals[round_ones]
    return Wheel(
        axis, points, normals, tinted[round_ones], profile, odd, hub, reach_m, _COLOUR_SHARE * relief_of(tinted)
    )


def turned_over(wheel: Wheel | None, one: Array, other: Array) -> bool:
    """Whether the axis points the other way in the second of two rotations (3, 3)."""
    return wheel is not None and float((one @ wheel.axis.direction) @ (other @ wheel.axis.direction)) < 0.0


def end_for_end(wheel: Wheel, placement: "Placement") -> "Placement":
    """A placement turned over so that what sticks out stays where it is; unchanged where nothing does."""
    if not len(wheel.odd):
        return placement
    aside = wheel.odd.mean(axis=0) - wheel.hub
    A, b = about(Axis(wheel.hub, aside / np.linalg.norm(aside), wheel.axis.odd), np.pi)
    return placement.after(A, b)


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
    turned = [placement.after(*about(wheel.axis, 2 * np.pi * k / STEPS)) for k in range(STEPS)]
    R, t = np.stack([one.R for one in turned]), np.stack([one.t for one in turned])
    left = _leftover(wheel, placement, images)
    level = images.level(1)
    return _merits(
        wheel.points, wheel.normals, wheel.tints, wheel.odd, R, t, images.depth_m, images.cam, level, LOGS, left,
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
        colour = np.zeros(15)
        good, wrong, hidden = agree(points, normals, logs, R[b], t[b], depth, cam, rgb, table, textured, colour)
        if good < _LEAST_GOOD:
            return np.zeros(R.shape[0])
        likeness = likeness_of(colour, good) if textured else 0.0
        stuck_out, seen_through = _stick_out(odd, R[b], t[b], depth, cam)
        explained = _explained(left, odd, R[0], R[b], t[0], t[b], 0.004 + 0.008 * t[0, 2] ** 2)
        good, wrong = good + stuck_out + explained, wrong + seen_through + left.shape[0] - explained
        out[b] = good / (good + wrong + _HIDDEN_WEIGHT * hidden)
        if textured:
            out[b] *= 1.0 - colour_share + colour_share * max(0.0, likeness)
    return out


@njit(nogil=True, cache=True)
def _stick_out(odd: Array, R: Array, t: Array, depth: Array, cam: Array) -> tuple[float, float]:
    """Odd points that are measured where they should be or a few pixels beside, and those that are seen through.

    Sensors tear thin parts: a pixel on a handle may well show what is behind it, but not all around.
    """
    found, through = 0.0, 0.0
    q = np.empty(3)
    for i in range(odd.shape[0]):
        for k in range(3):
            q[k] = R[k, 0] * odd[i, 0] + R[k, 1] * odd[i, 1] + R[k, 2] * odd[i, 2] + t[k]
        if q[2] < 0.05:
            continue
        u, v = round(q[0] / q[2] * cam[0] + cam[2]), round(q[1] / q[2] * cam[1] + cam[3])
        tolerance = 0.006 + 0.008 * q[2] * q[2]
        there, behind, before = 0, 0, 0
        for dv in range(-_BESIDE_PX, _BESIDE_PX + 1, _BESIDE_PX):
            for du in range(-_BESIDE_PX, _BESIDE_PX + 1, _BESIDE_PX):
                if 0 <= u + du < depth.shape[1] and 0 <= v + dv < depth.shape[0] and depth[v + dv, u + du] > 0.0:
                    gap = depth[v + dv, u + du] - q[2]
                    there += abs(gap) <= 1.5 * tolerance
                    behind += gap > 1.5 * tolerance
                    before += gap < -1.5 * tolerance
        if there > 0:
            found += 1.0
        elif behind > 0 and before == 0:
            through += 1.0
    return found, through


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
