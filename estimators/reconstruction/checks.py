"""Whether photos will do for a mesh, and by which means it is made."""

from enum import StrEnum

import numpy as np

from estimators.reconstruction.view import View, about_mask
from schemas import BadJob
from schemas.arrays import Array

LEAST_BY_DEPTH, LEAST_BY_OUTLINES = 4, 12
"""A hull of fewer outlines has corners where the object has none."""
_LEAST_ANGLE_DEG = 60.0
_LEAST_MASK_PX = 100
_BLACK_LEVEL = 15


class Means(StrEnum):
    """What a surface is made from."""

    DEPTH = "depth"
    OUTLINES = "outlines"


def ready_views(name: str, views: list[View]) -> tuple[Means, list[View]]:
    """What the photos allow, and those that can be used for it, cut to about the object.

    Raises:
        BadJob: Too few, without masks, or for outlines all from one side.
    """
    lit = [view for view in views if np.percentile(view.rgb, 99) >= _BLACK_LEVEL]
    masked = [about_mask(v) for v in lit if v.mask is not None and np.count_nonzero(v.mask) >= _LEAST_MASK_PX]
    deep = [view for view in masked if view.depth_m is not None and (view.depth_m[view.mask] > 0).any()]
    means = Means.DEPTH if len(deep) >= LEAST_BY_DEPTH and 2 * len(deep) >= len(masked) else Means.OUTLINES
    least = LEAST_BY_DEPTH if means is Means.DEPTH else LEAST_BY_OUTLINES
    use = deep if means is Means.DEPTH else masked
    if len(use) < least:
        told = _told(views, lit, masked)
        msg = (
            f"{name}: expected masks in {LEAST_BY_OUTLINES} photos or more to make a mesh by, or depth and masks in "
            f"{LEAST_BY_DEPTH}, got {len(masked)} with a mask and {len(deep)} of them with depth{told}; take more "
            "photos from all sides, and say in each where the object is, or in object.json how large it is"
        )
        raise BadJob(msg)
    if means is Means.OUTLINES:
        _check_round(name, use)
    return means, use


def _told(views: list[View], lit: list[View], masked: list[View]) -> str:
    parts = [(len(views) - len(lit), "black"), (len(lit) - len(masked), "without a mask, or with one of few pixels")]
    return "".join(f"; {count} of {len(views)} are {what}" for count, what in parts if count)


def _check_round(name: str, views: list[View]) -> None:
    looks = np.stack([_look(view) for view in views])
    widest = float(np.degrees(np.arccos(np.clip((looks @ looks.T).min(), -1, 1))))
    if widest < _LEAST_ANGLE_DEG:
        msg = (
            f"{name}: expected photos from several sides, got all within {widest:.0f} degrees: their outlines do not "
            "say how deep the object is; walk round it"
        )
        raise BadJob(msg)


def _look(view: View) -> Array:
    """(3,) unit vector along the view, in the object's frame."""
    return view.cam_from_obj[2, :3]
