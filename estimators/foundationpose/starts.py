"""Poses to start a registration from, and where in the frame to look when nobody says."""

from functools import cached_property

import numpy as np

from estimators.foundationpose.depth import guess_translation, points_of
from estimators.foundationpose.model import ObjectModel
from estimators.foundationpose.options import GEOMETRIC
from estimators.foundationpose.scene import Scene, known_depth
from estimators.geometric.hypotheses import guess
from estimators.geometric.pictures import FrameImages
from estimators.geometric.segments import find_segments
from schemas import Frame
from schemas.arrays import Array, checked

SURVIVORS = 8
"""Of the geometric estimator's hypotheses; both networks take a second for them on a CPU."""
_SEGMENTS = 3
_ANYWHERE_M = 100.0
_LEAST_PX = 30
_SAME_COSINE = np.cos(np.radians(25.0))
_SAME_SHARE = 0.1
_NEAR_SHARE, _NEAR_STEP_M, _NEAR_MOST = 0.6, 0.02, 2.0


class View:
    """One frame as both estimators take it.

    Attributes:
        frame: It.
        scene: On the device of the networks.
    """

    def __init__(self, frame: Frame, scene: Scene) -> None:
        self.frame, self.scene = frame, scene

    @cached_property
    def images(self) -> FrameImages:
        """For the geometric estimator's search; made when it is asked for."""
        return FrameImages(self.frame)


def starts_of(model: ObjectModel, masks: list[Array], view: View) -> Array:
    """(M, 4, 4) float64 poses of the centred mesh; none where no mask has depth under it.

    Args:
        model: The object.
        masks: (H, W) bool each: where it is, or could be.
        view: The frame.
    """
    parts = [_survivors(model, masks, view)] if model.options.search == GEOMETRIC else [
        _everywhere(model, mask, view) for mask in masks
    ]  # fmt: skip
    return np.concatenate([np.zeros((0, 4, 4)), *parts])


def places_of(model: ObjectModel, view: View, near_m: Array | None = None, unseen: int = 0) -> list[Array]:
    """Masks of pieces of the scene that the object could be.

    Args:
        model: The object.
        view: The frame.
        near_m: (3,) where its centre was last, camera's frame; None if it never was seen.
        unseen: Frames since then.

    Returns:
        (H, W) bool each, likely ones first.
    """
    diameter_m = model.surface.diameter_m
    if near_m is None:
        found = find_segments(model.geometric, np.zeros(3), _ANYWHERE_M, view.images, _SEGMENTS)
        return [segment.mask for segment in found]
    reach_m = min(_NEAR_SHARE * diameter_m + _NEAR_STEP_M * unseen, _NEAR_MOST * diameter_m)
    points = points_of(known_depth(view.frame), view.frame.camera.K)
    close = (np.linalg.norm(points - near_m, axis=-1) < reach_m) & (points[..., 2] > 0)
    masks = [checked("mask", close, close.shape, np.bool_)] if close.sum() >= _LEAST_PX else []
    found = find_segments(model.geometric, near_m, reach_m, view.images, _SEGMENTS - len(masks))
    return masks + [segment.mask for segment in found]


def _everywhere(model: ObjectModel, mask: Array, view: View) -> Array:
    """Every rotation of the grid at the first place under a mask."""
    place = guess_translation(view.scene.depth_m.cpu().numpy(), mask, view.frame.camera.K)
    if not place.any():
        return np.zeros((0, 4, 4))
    out = np.tile(np.eye(4), (len(model.rotations), 1, 1))
    out[:, :3, :3] = model.rotations
    out[:, :3, 3] = place
    return out


def _survivors(model: ObjectModel, masks: list[Array], view: View) -> Array:
    """The best hypotheses that the geometric estimator has moved onto the depth, none like a better one."""
    found = [one for mask in masks if (one := guess(model.geometric, mask, view.images)) is not None]
    if not found:
        return np.zeros((0, 4, 4))
    merit = np.concatenate([one.merit for one in found])
    R, t = np.concatenate([one.R for one in found]), np.concatenate([one.t for one in found])
    kept: list[int] = []
    for k in np.argsort(-merit, kind="stable"):
        turned = (np.einsum("kij,ij->k", R[kept], R[k]) - 1) / 2 < _SAME_COSINE
        moved = np.linalg.norm(t[kept] - t[k], axis=1) > _SAME_SHARE * model.surface.diameter_m
        if (turned | moved).all():
            kept.append(int(k))
        if len(kept) == SURVIVORS:
            break
    out = np.tile(np.eye(4), (len(kept), 1, 1))
    out[:, :3, :3], out[:, :3, 3] = R[kept], t[kept]
    return out
