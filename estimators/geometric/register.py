"""Finding an object without a prior: from the pixels of its mask."""

from dataclasses import dataclass

import cv2
import numpy as np

from estimators.geometric.fit import Fit, Placement, fit, look_at
from estimators.geometric.hypotheses import Hypotheses, guess
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import CROP_PX, FrameImages
from estimators.rendering import Renderer
from schemas.arrays import Array

_KEPT_SHARE = 0.8
_SHAPES = 6
_CLASSES = 3
_FINALISTS = 3
_APART_COSINE = np.cos(np.radians(25.0))
_APART_DIAMETERS = 0.12


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A fitted placement and its rank.

    Attributes:
        fit: The placement and its evidence.
        shape: Agreement of depth and outline, 0 to 1.
        rank: ``shape`` times how well the mesh's colours are found.
    """

    fit: Fit
    shape: float
    rank: float


def register(model: ObjectModel, mask: Array, images: FrameImages, renderer: Renderer) -> Fit | None:
    """The best placement under a mask; None where mask or depth hold too little.

    Depth and outline find the shape's poses; the turns that leave the shape as it is are told apart by
    colour after each was refined, as 2 mm of misplacement already spoil a comparison of pictures.

    Args:
        model: The object.
        mask: (H, W) bool, its visible pixels.
        images: The frame.
        renderer: What draws.
    """
    ranked = candidates(model, mask, images, renderer)
    final = [
        again
        for candidate in ranked[:_FINALISTS]
        if (again := _candidate(model, candidate.fit.placement, mask, images, renderer, coarse=False)) is not None
    ]
    return max(final, key=lambda candidate: candidate.rank).fit if final else None


def candidates(model: ObjectModel, mask: Array, images: FrameImages, renderer: Renderer) -> list[Candidate]:
    """Refined placements under a mask, best first."""
    hypotheses = guess(model, mask, images)
    if hypotheses is None:
        return []
    shapes = [
        candidate
        for placement in _different_shapes(model, hypotheses)
        if (candidate := _candidate(model, placement, mask, images, renderer, coarse=False)) is not None
    ]
    shapes.sort(key=lambda candidate: -candidate.shape)
    found = list(shapes)
    for shape in shapes[:_CLASSES]:
        if shape.shape < _KEPT_SHARE * shapes[0].shape:
            break
        for turn in model.turns[1:]:
            turned = Placement(shape.fit.placement.R @ turn, shape.fit.placement.t)
            candidate = _candidate(model, turned, mask, images, renderer, coarse=False)
            if candidate is not None:
                found.append(candidate)
    found.sort(key=lambda candidate: -candidate.rank)
    return found


def _different_shapes(model: ObjectModel, hypotheses: Hypotheses) -> list[Placement]:
    """The best hypotheses that are no turned copies of better ones."""
    kept: list[Placement] = []
    for R, t, merit in zip(hypotheses.R, hypotheses.t, hypotheses.merit, strict=True):
        if len(kept) >= _SHAPES or merit < _KEPT_SHARE * hypotheses.merit[0] or merit <= 0:
            break
        if not any(_same_shape(model, R, t, other) for other in kept):
            kept.append(Placement(R.copy(), t.copy()))
    return kept


def _same_shape(model: ObjectModel, R: Array, t: Array, other: Placement) -> bool:
    if np.linalg.norm(t - other.t) > _APART_DIAMETERS * model.mesh.diameter_m:
        return False
    traces = np.einsum("ij,gij->g", R, other.R @ model.turns)
    return bool(((traces - 1) / 2 > _APART_COSINE).any())


def _candidate(
    model: ObjectModel, start: Placement, mask: Array, images: FrameImages, renderer: Renderer, *, coarse: bool
) -> Candidate | None:
    found = fit(model, start, images, renderer, coarse=coarse)
    if found is None:
        return None
    evidence = found.evidence
    shape = evidence.geometry * overlap(model, found.placement, mask, images, renderer)
    likeness = 0.3 + max(0.0, evidence.contrast) + max(0.0, evidence.chroma) + 0.02 * found.corners
    return Candidate(found, shape, shape * likeness)


def overlap(model: ObjectModel, placement: Placement, mask: Array, images: FrameImages, renderer: Renderer) -> float:
    """Intersection over union of the outline and a mask, without what something nearer hides; 0 out of view."""
    look = look_at(model, placement, images, renderer)
    if look is None:
        return 0.0
    zoom = look.crop.zoom
    shift = look.crop.K[:2, 2] - zoom * images.K[:2, 2]
    crop_from_frame = np.array([[zoom, 0.0, shift[0]], [0.0, zoom, shift[1]]])
    size = (CROP_PX, CROP_PX)
    seen = cv2.warpAffine(mask.astype(np.uint8), crop_from_frame, size, flags=cv2.INTER_NEAREST) > 0
    measured = cv2.warpAffine(images.depth_m, crop_from_frame, size, flags=cv2.INTER_NEAREST)
    hidden = (measured > 0) & (measured < look.depth_m - 0.02) & ~seen
    drawn = look.mask & ~hidden
    return float((seen & drawn).sum() / max(1, (seen | drawn).sum()))
