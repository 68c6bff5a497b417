"""The turn about an axis of near-symmetry, tried all the way round: no small step finds it again once it is lost."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from estimators.geometric.odd_part import ball, explained, is_near, stick_out
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.surface import Axis, Surface
from estimators.geometric.tint import LOGS, agree, likeness_of, relief_of
from schemas.arrays import Array

STEPS = 36
_SEEN_STRIDE_PX = 3
_LEAST_GOOD = 25
_REACH_SLACK_M = 0.005
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
        odd_profile: (K, 2) float64 the same of these.
        hub: (3,) float64 the place on the axis beside the middle of the odd part, about the centre.
        reach_m: How far from there the odd part reaches.
        colour_share: How much of the merit colours decide: 0 on a mesh of one colour.
        steps: (36, 3, 3) and (36, 3), turns by steps of 10 degrees, see ``about``.
    """

    axis: Axis
    points: Array
    normals: Array
    tints: Array
    body: Array
    odd: Array
    odd_profile: Array
    hub: Array
    reach_m: float
    colour_share: float
    steps: tuple[Array, Array]


def make_wheel(surface: Surface, axis: Axis) -> Wheel:
    """Make the turns about an axis ready."""
    tinted = surface.tints
    profile = _profile(surface.points, axis)
    round_ones = ~axis.odd
    odd = np.ascontiguousarray(surface.points[axis.odd])
    hub = axis.origin + (profile[axis.odd, 0].mean() if len(odd) else 0.0) * axis.direction
    reach_m = float(np.linalg.norm(odd - hub, axis=1).max(initial=0.0)) + _REACH_SLACK_M
    points, normals = surface.points[round_ones], surface.normals[round_ones]
    share = _COLOUR_SHARE * relief_of(tinted)
    A, b = zip(*(about(axis, 2 * np.pi * k / STEPS) for k in range(STEPS)), strict=True)
    return Wheel(
        axis,
        points,
        normals,
        tinted[round_ones],
        profile[round_ones],
        odd,
        profile[axis.odd],
        hub,
        reach_m,
        share,
        (np.stack(A), np.stack(b)),
    )


def _profile(points: Array, axis: Axis) -> Array:
    """(N, 2) float64 height along and distance from an axis of points (N, 3)."""
    from_axis = points - axis.origin
    height = from_axis @ axis.direction
    distance = np.linalg.norm(from_axis - height[:, None] * axis.direction, axis=1)
    return np.stack([height, distance], axis=1)


def turned_over(wheel: Wheel | None, one: Array, other: Array) -> bool:
    """Whether the axis points the other way in the second of two rotations (3, 3)."""
    return wheel is not None and float((one @ wheel.axis.direction) @ (other @ wheel.axis.direction)) < 0.0


def end_for_end(wheel: Wheel, placement: Placement) -> Placement:
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


def sweep(wheel: Wheel, placement: Placement, images: FrameImages) -> Array:
    """(36,) merit of a placement turned by steps of 10 degrees about the axis, the first without a turn.

    Merit is the share of what should be seen that depth confirms (a handle that depth sees through, or a bump that
    the body alone does not explain, counts against it), times how well the mesh's colours are found again.
    0 everywhere where too little is in view to tell.
    """
    A, b = wheel.steps
    R, t = placement.R @ A, b @ placement.R.T + placement.t
    left = _leftover(wheel, placement, images)
    level = images.level(1)
    return _merits(
        wheel.points, wheel.normals, wheel.tints, wheel.odd, R, t, images.depth_m, images.cam, level, LOGS, left,
        wheel.colour_share,
    )  # fmt: skip


def _leftover(wheel: Wheel, placement: Placement, images: FrameImages) -> Array:
    """(N, 3) measured points, about the centre, that the body does not explain and the odd part could at some turn."""
    if not len(wheel.odd):
        return np.zeros((0, 3))
    # about the axis: a handle that is taken to be on the wrong side moves the middle of the box there
    seen = _near(images, placement.R @ wheel.hub + placement.t, wheel.reach_m)
    local = (seen - placement.t) @ placement.R
    profile = _profile(local, wheel.axis)
    tolerance = 0.004 + 0.008 * placement.t[2] ** 2
    free = ~is_near(profile, wheel.body, 1.5 * tolerance)
    return local[free][is_near(profile[free], wheel.odd_profile, 1.5 * tolerance)]


def _near(images: FrameImages, middle_m: Array, reach_m: float) -> Array:
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
def _merits(
    points: Array, normals: Array, logs: Array, odd: Array, R: Array, t: Array, depth: Array, cam: Array, rgb: Array,
    table: Array, left: Array, colour_share: float,
) -> Array:  # fmt: skip
    out, textured = np.zeros(R.shape[0]), colour_share > 0.02
    around = ball(odd)
    for b in range(R.shape[0]):
        colour = np.zeros(15)
        good, wrong, hidden = agree(points, normals, logs, R[b], t[b], depth, cam, rgb, table, textured, colour)
        if good < _LEAST_GOOD:
            return np.zeros(R.shape[0])
        likeness = likeness_of(colour, good) if textured else 0.0
        stuck_out, seen_through = stick_out(odd, R[b], t[b], depth, cam)
        on_it = explained(left, odd, around, R[0], R[b], t[0], t[b], 0.004 + 0.008 * t[0, 2] ** 2)
        good, wrong = good + stuck_out + on_it, wrong + seen_through + left.shape[0] - on_it
        out[b] = good / (good + wrong + _HIDDEN_WEIGHT * hidden)
        if textured:
            out[b] *= 1.0 - colour_share + colour_share * max(0.0, likeness)
    return out
