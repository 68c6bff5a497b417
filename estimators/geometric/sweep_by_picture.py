"""Which turn about an axis of near-symmetry the image speaks for: a handle by its outline, a label by its colours."""

from typing import TYPE_CHECKING

import numpy as np

from estimators.geometric.by_picture import odds_of
from estimators.geometric.pictures import crop_about
from estimators.geometric.sweep import STEPS, Wheel, about
from estimators.geometric.templates import features
from schemas.arrays import Array

if TYPE_CHECKING:
    from estimators.geometric.fit import Placement
    from estimators.geometric.model import ObjectModel
    from estimators.geometric.pictures import FrameImages
    from estimators.rendering import Renderer

_SIDE_PX = 48
_LIKENESS = 0.3  # what a perfect likeness weighs against the whole outline
_FLOOR = 0.02  # a variance that noise has


def sweep_by_picture(
    model: "ObjectModel", wheel: Wheel, placement: "Placement", images: "FrameImages", renderer: "Renderer"
) -> Array:
    """(36,) merit of turns of a placement about an axis; 0 everywhere where nothing is in view."""
    crop = crop_about(images, placement.t, model.mesh.diameter_m, _SIDE_PX)
    poses = np.tile(np.eye(4), (STEPS, 1, 1))
    for k in range(STEPS):
        A, b = about(wheel.axis, 2 * np.pi * k / STEPS)
        R = placement.R @ A
        poses[k, :3, :3], poses[k, :3, 3] = R, placement.R @ b + placement.t - R @ model.center_m
    drawn = renderer.render(model.mesh, poses, crop.K, (_SIDE_PX, _SIDE_PX))
    masks = drawn.depth_m > 0
    if not masks.any():
        return np.zeros(STEPS)
    odds = odds_of(model, crop, np.asarray(masks.any(axis=0)), images)
    outline = (masks * odds).sum(axis=(1, 2)) / (2 * masks.sum(axis=(1, 2)).mean())
    seen = features(crop.rgb)
    alike = [
        _alike(seen[mask], features(rgb[mask])) if mask.any() else 0.0
        for mask, rgb in zip(masks, drawn.rgb, strict=True)
    ]
    return outline + _LIKENESS * np.array(alike)


def _alike(seen: Array, drawn: Array) -> float:
    """Correlation of colours and brightness (N, 3), -1 to 1; 0 of none."""
    if not len(seen):
        return 0.0
    one, two = seen - seen.mean(axis=0), drawn - drawn.mean(axis=0)
    floor = len(one) * _FLOOR
    return float((one * two).sum() / np.sqrt(((one**2).sum() + floor) * ((two**2).sum() + floor)))
