"""Why an object was not found where a frame was searched for it, in a line that says what to change."""

import numpy as np

from schemas import Frame
from schemas.arrays import Array

LEAST_PX = 30
"""Pixels with depth that a registration starts from, at least."""
LEAST_SHARE = 0.05
"""Of a mask that has depth; below, what there is may be anything's border."""


def fills_frame(mask: Array) -> bool:
    """Whether a mask (H, W) reaches all four sides: no edge is seen, and any flat piece fits anywhere under it."""
    return bool(mask[0].any() and mask[-1].any() and mask[:, 0].any() and mask[:, -1].any())


def why_not_found(frame: Frame, object_id: str, *, by_depth: bool = True) -> str:
    """The likeliest reason for a registration that found nothing, from the first thing that is missing.

    Args:
        frame: That was searched.
        object_id: What for.
        by_depth: Whether depth was looked at.
    """
    mask = (frame.masks or {}).get(object_id)
    return f"object {object_id}: {_missing(frame, mask, by_depth=by_depth)}"


def _missing(frame: Frame, mask: Array | None, *, by_depth: bool) -> str:
    pixels = frame.camera.width * frame.camera.height if mask is None else int(mask.sum())
    if pixels < LEAST_PX:
        return f"expected a mask of {LEAST_PX} pixels or more, got {pixels}"
    if mask is not None and fills_frame(mask):
        size = f"{frame.camera.width} x {frame.camera.height}"
        return (
            f"expected to see an edge of it, its mask reaches all sides of the frame ({size}): it is too large or near"
        )
    if not by_depth or frame.depth_m is None:
        return "nothing in the picture looks like it"
    known = np.isfinite(frame.depth_m) & (frame.depth_m > 0)
    if not known.any():
        return "expected depth in the frame, got none in any pixel"
    measured = int((known if mask is None else known & mask).sum())
    if measured < max(LEAST_PX, LEAST_SHARE * pixels):
        return f"expected depth under its mask, got it in {measured} of {pixels} pixels: it is hidden or not measured"
    if mask is None:
        return "nothing that stands in the frame has its shape and colours; a mask or a box can point at it"
    return "nothing under its mask has its shape"
