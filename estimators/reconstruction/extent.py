"""Where in space the object of some photos is."""

from collections.abc import Sequence

import numpy as np

from estimators.reconstruction.grid import Grid
from estimators.reconstruction.hull import hull_field
from estimators.reconstruction.view import View
from schemas import BadJob
from schemas.arrays import Array

_COARSE = 40
_CUBE = 1.3  # of what the largest mask shows
_TAIL_PERCENT = 1.0
_MARGIN = 0.05
_LEAST_POINTS = 200


def box_by_masks(name: str, views: list[View]) -> tuple[Array, Array]:
    """Box (low, high) in metres of what all masks leave.

    Raises:
        BadJob: They have no space in common.
    """
    middle, half_m = _looked_at(views)
    grid = Grid.about(middle - half_m, middle + half_m, _COARSE)
    field = hull_field(grid, views, lambda _done, _total: None)
    within = np.argwhere(field < grid.step_m)
    if not (field < 0).any():
        msg = (
            f"{name}: expected masks that show one thing from {len(views)} sides, got none of space that all of them "
            "show; check that poses and masks belong together and that the poses' unit is metres"
        )
        raise BadJob(msg)
    return grid.metres(within.min(axis=0) - 1.0), grid.metres(within.max(axis=0) + 1.0)


def _looked_at(views: Sequence[View]) -> tuple[Array, float]:
    """The point that the middles of all masks look at, and half the size of the largest mask there, metres."""
    across, target, widths = np.zeros((3, 3)), np.zeros(3), list[float]()
    for view in views:
        assert view.mask is not None  # noqa: S101 - by contract
        rows, columns = np.nonzero(view.mask)
        pixel = np.array([(columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2, 1.0])
        ray = view.cam_from_obj[:3, :3].T @ np.linalg.solve(view.K, pixel)
        ray /= np.linalg.norm(ray)
        part = np.eye(3) - np.outer(ray, ray)
        across += part
        target += part @ view.position_m
        widths.append(float(np.hypot(np.ptp(columns), np.ptp(rows))) / float(view.K[0, 0]))
    middle = np.linalg.lstsq(across, target, rcond=None)[0]
    far = np.linalg.norm([view.position_m - middle for view in views], axis=1)
    return middle, _CUBE * float(np.max(far * np.array(widths))) / 2


def box_by_depth(name: str, views: list[View]) -> tuple[Array, Array]:
    """Box (low, high) in metres of what the masks' depth pixels show.

    Raises:
        BadJob: Hardly any depth in them.
    """
    points = np.concatenate([_points(view) for view in views])
    if len(points) < _LEAST_POINTS:
        msg = f"{name}: expected depth where the masks are, got {len(points)} pixels of it in {len(views)} photos"
        raise BadJob(msg)
    low = np.percentile(points, _TAIL_PERCENT, axis=0)
    high = np.percentile(points, 100 - _TAIL_PERCENT, axis=0)
    margin = _MARGIN * float(np.linalg.norm(high - low))
    return low - margin, high + margin


def _points(view: View) -> Array:
    """(N, 3) of the object's frame under the mask, without those farther from the middle one than the mask is wide.

    Along the rim of a mask there is often depth of what is behind the object.
    """
    assert view.depth_m is not None  # noqa: S101 - by contract
    assert view.mask is not None  # noqa: S101 - by contract
    rows, columns = np.nonzero(view.mask & (view.depth_m > 0))
    z = view.depth_m[rows, columns].astype(np.float64)
    if len(z):
        wide_m = float(np.median(z)) * float(np.hypot(np.ptp(rows), np.ptp(columns))) / float(view.K[0, 0])
        near = np.abs(z - np.median(z)) < wide_m
        rows, columns, z = rows[near], columns[near], z[near]
    rays = np.stack([columns, rows, np.ones(len(rows))], axis=1) @ np.linalg.inv(view.K).T
    return (rays * z[:, None] - view.cam_from_obj[:3, 3]) @ view.cam_from_obj[:3, :3]
