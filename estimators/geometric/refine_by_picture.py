"""The kernel that moves a pose by all that a colour image tells: outline, corners and the brightness of every pixel."""

from typing import NamedTuple

import numpy as np
from numba import njit

from estimators.geometric.region import line_rows, place_rows, prior_rows, sense
from estimators.geometric.shading import Shading, shading_rows
from estimators.geometric.solve import solve6, turn_by
from schemas.arrays import Array

_LINE = 0.25  # weight of one line: neighbouring lines see the same light and the same clutter


class Outline(NamedTuple):
    """Where the object should end, and its colours; see ``sense`` for each."""

    points: Array
    normals: Array
    reach_px: Array
    tints: Array
    without: Array
    hidden: Array
    inner: Array
    aside: Array


class Held(NamedTuple):
    """(3, 3) rotation and (3,) translation that a pose is held near, and (6, 6) float64 information about it."""

    R: Array
    t: Array
    information: Array


class Corners(NamedTuple):
    """(M, 3) points about the centre, (M, 2) pixels where they were found, and their standard deviation, pixels."""

    points: Array
    places: Array
    sigma_px: float


@njit(nogil=True, cache=True)
def refine_by_picture(
    outline: Outline, corners: Corners, shading: Shading, R: Array, t: Array, cam: Array, plan: Array, held: Held,
    H: Array,
) -> None:  # fmt: skip
    """Move a pose so that it fits the colour image; two steps a round.

    Args:
        outline: Lines across the outline.
        corners: Corners of the texture that were found.
        shading: Pixels whose brightness is compared.
        R: (3, 3) float64 rotation of cam_from_centre, changed in place.
        t: (3,) float64 metres, changed in place.
        cam: (4,) float64 fx, fy, cx, cy of the crop.
        plan: (P, 4) float64, one round each: length of a segment (0 leaves the outline out), robust scales of
            outline and corners, pixels, and whether every pixel is used.
        held: What is known of the pose beforehand.
        H: (6, 6) float64, becomes the information of the last step, without the prior (lower half).
    """
    lines = np.zeros((outline.points.shape[0], 4))
    g, step, trust = np.zeros(6), np.zeros(6), np.empty(2)
    for k in range(plan.shape[0]):
        if plan[k, 0] > 0.0:
            sense(
                outline.points, outline.normals, outline.reach_px, R, t, cam, outline.tints, outline.without,
                outline.hidden, outline.inner, outline.aside, int(plan[k, 0]), lines,
            )  # fmt: skip
        trust[0], trust[1] = corners.sigma_px, plan[k, 2]
        for _ in range(2):
            H[:] = 0.0
            g[:] = 0.0
            line_rows(outline.points, outline.normals, R, t, cam, lines, plan[k, 1], _LINE, H, g)
            place_rows(corners.points, corners.places, R, t, cam, trust, H, g)
            if plan[k, 3] > 0.0:
                shading_rows(shading, R, t, H, g)
            both = H.copy()
            prior_rows(R, t, held.R, held.t, held.information, both, g)
            if not solve6(both, g, step):
                break
            turn_by(step[:3], R)
            t += step[3:]


@njit(nogil=True, cache=True)
def texture_information(
    corners: Corners, shading: Shading, R: Array, t: Array, cam: Array, cut_px: float, H: Array
) -> None:
    """Write what the mesh's texture alone tells of a pose to ``H`` (6, 6), lower half; see ``refine_by_picture``."""
    trust, g = np.empty(2), np.zeros(6)
    trust[0], trust[1] = corners.sigma_px, cut_px
    place_rows(corners.points, corners.places, R, t, cam, trust, H, g)
    shading_rows(shading, R, t, H, g)
