"""Finding an object without a prior and without depth: from the outline and the colours of its mask."""

import numpy as np

from estimators.geometric.find_by_picture import turned_to
from estimators.geometric.fit import Fit
from estimators.geometric.fit_by_picture import fit_by_picture
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.resemblance import in_crop, resemblance
from estimators.geometric.templates import features
from estimators.geometric.views import DISTANCE_DIAMETERS, FOCAL_PX
from estimators.rendering import Renderer
from schemas.arrays import Array

_MIN_PIXELS = 30
_FITTED, _AGAIN = 14, 3
_APART_COSINE = np.cos(np.radians(25.0))
_LEAST_OVERLAP = 0.5  # below, the mask shows something else
_SPREAD = 0.3  # of a logarithm, see ``templates``
_BLIND, _CORNER = 0.5, 0.05  # what a likeness of nothing is worth, and one corner that is found again
_OFTEN = 2


def register_by_picture(model: ObjectModel, mask: Array, images: FrameImages, renderer: Renderer) -> Fit | None:
    """The best placement under a mask (H, W) bool; None where it holds too little or nothing fits it."""
    if mask.sum() < _MIN_PIXELS:
        return None
    found = [
        candidate
        for start in _starts(model, mask, images)
        if (candidate := _candidate(model, start, mask, images, renderer)) is not None
    ]
    found.sort(key=lambda one: -one[0])
    for _ in range(_OFTEN):
        again = [_candidate(model, one.placement, mask, images, renderer) for _, _, one in found[:_AGAIN]]
        found = sorted([one for one in again if one is not None] + found, key=lambda one: -one[0])
    return found[0][2] if found and found[0][1] >= _LEAST_OVERLAP else None


def _candidate(
    model: ObjectModel, start: Placement, mask: Array, images: FrameImages, renderer: Renderer
) -> tuple[float, float, Fit] | None:
    """Rank, overlap and fit of a start."""
    found = fit_by_picture(model, start, images, renderer)
    if found is None:
        return None
    seen = in_crop(mask.astype(np.uint8), found.look) > 0
    both = float((seen & found.look.mask).sum() / max(1, (seen | found.look.mask).sum()))
    likeness = _BLIND + _CORNER * found.corners
    if model.textured:
        likeness += resemblance(found.look, seen)
    return both * both * likeness, both, found


def _starts(model: ObjectModel, mask: Array, images: FrameImages) -> list[Placement]:
    """The hypotheses that fit the mask and its colours best, none like a better one."""
    R, t = _hypotheses(model, mask, images)
    view, templates = model.views.view, model.templates
    points = np.einsum("bij,bnj->bni", R, templates.points[view]) + t[:, None]
    fx, fy, cx, cy = images.cam
    height, width = mask.shape
    columns = np.clip(np.rint(points[..., 0] / points[..., 2] * fx + cx), 0, width - 1).astype(np.int64)
    rows = np.clip(np.rint(points[..., 1] / points[..., 2] * fy + cy), 0, height - 1).astype(np.int64)
    under, inner = mask[rows, columns], templates.inner
    shape = under[:, :inner].mean(axis=1) - under[:, inner:].mean(axis=1)
    merit = shape + _likeness(features(images.level(0)[rows, columns])[:, :inner], templates.features[view][:, :inner])
    kept: list[Placement] = []
    for k in np.argsort(-merit, kind="stable"):
        if len(kept) >= _FITTED:
            break
        cosines = [(np.einsum("ij,ij", R[k], other.R) - 1) / 2 for other in kept]
        if not cosines or max(cosines) < _APART_COSINE:
            kept.append(Placement(R[k], t[k]))
    return kept


def _hypotheses(model: ObjectModel, mask: Array, images: FrameImages) -> tuple[Array, Array]:
    """(B, 3, 3) and (B, 3): each view as large as the mask and in the middle of its box."""
    views, D = model.views, model.mesh.diameter_m
    fx, fy, cx, cy = images.cam
    rows, columns = np.nonzero(mask)
    at = np.array([(columns.min() + columns.max()) / 2 - cx, (rows.min() + rows.max()) / 2 - cy]) / [fx, fy]
    pixel_m = DISTANCE_DIAMETERS * D / FOCAL_PX
    area_m2 = views.mask.sum(axis=(1, 2))[views.view] * pixel_m**2
    z = np.sqrt(area_m2 * fx * fy / len(rows))
    flat = np.einsum("bij,bnj->bni", views.rotations, views.points[views.view])[..., :2]
    t = np.column_stack([at * z[:, None] - (flat.min(axis=1) + flat.max(axis=1)) / 2, z])
    return np.stack([turned_to(R, place) for R, place in zip(views.rotations, t, strict=True)]), t


def _likeness(seen: Array, drawn: Array) -> Array:
    """(B,) share of points (B, N, 3) in the mesh's colour, and half of the correlation of their brightness."""
    off = seen[..., :2] - drawn[..., :2]
    off = off - np.median(off, axis=(0, 1))
    alike = 1 / (1 + (off**2).sum(axis=2) / _SPREAD**2)
    one, two = (light[..., 2] - light[..., 2].mean(axis=1, keepdims=True) for light in (seen, drawn))
    power = np.sqrt(((one**2).mean(axis=1) + 0.02) * ((two**2).mean(axis=1) + 0.02))
    return alike.mean(axis=1) + 0.5 * (one * two).mean(axis=1) / power
