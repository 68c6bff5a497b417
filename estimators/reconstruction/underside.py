"""The side of a hull that no photo looks at: cut off level with what is seen last."""

import numpy as np

from estimators.reconstruction.clean import Surface
from estimators.reconstruction.grid import Grid
from estimators.reconstruction.visible import Sights
from schemas.arrays import Array

_LEAST_COSINE = 0.25
"""Rays that graze a hull made it; what no photo looks at more squarely is the cone that outlines leave."""
_LEAST_SHARE = 0.01
_LEVEL = 0.995  # quantile: single points beyond it are noise


def cut_underside(grid: Grid, field: Array, surface: Surface, sights: Sights) -> Array:
    """A hull's field, cut by the plane at which the seen surface ends.

    An object that stood on a table was seen from above only: below it the outlines leave a cone. The plane is square to
    the mean normal of what no photo looks at.

    Args:
        grid: Of the field.
        field: (X, Y, Z) metres, negative inside.
        surface: The field's.
        sights: Of that surface.

    Returns:
        The field, unchanged where less than one in a hundred of the surface is unseen.
    """
    normals, areas = surface.face_normals()
    middles = surface.points_m[surface.faces].mean(axis=1)
    unseen = sights.best(middles, normals) < _LEAST_COSINE
    if areas[unseen].sum() < _LEAST_SHARE * areas.sum() or unseen.all():
        return field
    down = (normals[unseen] * areas[unseen, None]).sum(axis=0)
    down /= max(float(np.linalg.norm(down)), 1e-18)
    level = float(np.quantile(middles[~unseen] @ down, _LEVEL))
    axes = [grid.origin_m[k] + grid.step_m * np.arange(grid.shape[k]) for k in range(3)]
    beyond = down[0] * axes[0][:, None, None] + down[1] * axes[1][:, None] + down[2] * axes[2] - level
    return np.maximum(field, beyond.astype(np.float32))
