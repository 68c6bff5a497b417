"""Objects of one job that stand before each other: whose pixels are whose, from where each of them should be."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit

from estimators.geometric.look import drawn_at
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.motion import gap_s, predict
from estimators.geometric.pictures import COARSE_CROP_PX, FrameImages
from estimators.geometric.placement import Placement
from estimators.rendering import Renderer
from schemas import Estimate, Estimates, Frame, State
from schemas.arrays import Array

_TRUSTED = 0.5  # an object that is not surely there takes nothing from others
_ITS_OWN_M = 0.015  # of a predicted surface: prediction errs by about a centimetre
_IN_FRONT_M = 0.06  # stands for 'hidden': nearer than any object, farther than what counts as no measurement


@dataclass(frozen=True, slots=True, eq=False)
class _Expected:
    model: ObjectModel
    placement: Placement
    middle_px: Array
    radius_px: float


def apart(
    models: Mapping[str, ObjectModel], priors: Estimates, frame: Frame, images: FrameImages, renderer: Renderer
) -> dict[str, FrameImages]:
    """For each object the frame's images in which what belongs to another object counts as in front of it.

    Objects that are nowhere near another share ``images`` itself.

    Args:
        models: The job's objects.
        priors: Their last estimates.
        frame: The frame.
        images: Its images.
        renderer: What draws.
    """
    if len(priors) < 2 or not images.sees_depth:
        return dict.fromkeys(priors, images)
    expected = {
        name: where
        for name, prior in priors.items()
        if (where := _expected(models[name], prior, frame, images)) is not None
    }
    crowd = [name for name in expected if any(_meet(expected[name], expected[k]) for k in expected if k != name)]
    if not crowd:
        return dict.fromkeys(priors, images)
    gap = np.full(images.depth_m.shape, _ITS_OWN_M, np.float32)
    owner = np.full(images.depth_m.shape, -1, np.int16)
    for number, name in enumerate(crowd):
        one = expected[name]
        drawn = drawn_at(one.model, one.placement, images, renderer, COARSE_CROP_PX)
        if drawn is not None:
            _claim(images.depth_m, drawn[1].depth_m[0], drawn[0].crop_from_frame, number, gap, owner)
    # one that is not expected anywhere loses what the others claim, too
    return {
        name: images.seen_as(_others_in_front(images.depth_m, owner, crowd.index(name) if name in crowd else -1))
        if name in crowd or name not in expected
        else images
        for name in priors
    }


def _expected(model: ObjectModel, prior: Estimate, frame: Frame, images: FrameImages) -> _Expected | None:
    """Where a trusted object should be now; None for others and for those out of the picture."""
    if prior.cam_from_obj is None or prior.state is State.LOST or prior.score < _TRUSTED:
        return None
    placement = Placement.of(prior.cam_from_obj, model.center_m)
    memory = Memory.unpack(prior.memory)
    if memory is not None:
        placement = predict(placement, memory, gap_s(memory.captured_ns, frame.captured_ns))
    z = float(placement.t[2])
    if z < model.mesh.diameter_m / 2:
        return None
    middle = placement.t[:2] / z * images.cam[:2] + images.cam[2:]
    return _Expected(model, placement, middle, float(images.cam[0]) * model.mesh.diameter_m / 2 / z)


def _meet(one: _Expected, other: _Expected) -> bool:
    return bool(np.linalg.norm(one.middle_px - other.middle_px) < one.radius_px + other.radius_px)


@njit(nogil=True, cache=True)
def _claim(depth: Array, drawn: Array, window: Array, number: int, gap: Array, owner: Array) -> None:
    """Give to an object the pixels whose depth is nearer to its own surface than to that of those before.

    Args:
        depth: (H, W) float32 of the frame.
        drawn: (S, S) float32 of the object, 0 where it is not.
        window: (2, 3) float64 crop_from_frame.
        number: Of the object.
        gap: (H, W) float32, the least distance so far.
        owner: (H, W) int16.
    """
    zoom, left, top = window[0, 0], window[0, 2], window[1, 2]
    size = drawn.shape[0]
    first_v, last_v = max(0, int(-top / zoom)), min(depth.shape[0] - 1, int((size - top) / zoom) + 1)
    first_u, last_u = max(0, int(-left / zoom)), min(depth.shape[1] - 1, int((size - left) / zoom) + 1)
    for v in range(first_v, last_v + 1):
        row = round(zoom * v + top)
        if row < 0 or row >= size:
            continue
        for u in range(first_u, last_u + 1):
            column = round(zoom * u + left)
            if column < 0 or column >= size or not drawn[row, column] > 0.0 or not depth[v, u] > 0.0:
                continue
            off = abs(depth[v, u] - drawn[row, column])
            if off < gap[v, u]:
                gap[v, u], owner[v, u] = off, number


@njit(nogil=True, cache=True)
def _others_in_front(depth: Array, owner: Array, number: int) -> Array:
    """(H, W) float32 depth in which what another object owns is in front of everything."""
    out = depth.copy()
    for v in range(depth.shape[0]):
        for u in range(depth.shape[1]):
            if owner[v, u] >= 0 and owner[v, u] != number:
                out[v, u] = _IN_FRONT_M
    return out
