"""Finding an object without a prior: from the pixels of its mask."""

from dataclasses import dataclass

import numpy as np

from estimators.geometric.faces import faces_of, likeness, most_alike
from estimators.geometric.fit import Fit, fit
from estimators.geometric.hypotheses import Hypotheses, guess
from estimators.geometric.look import Look
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.register_by_picture import register_by_picture
from estimators.geometric.resemblance import in_crop, resemblance
from estimators.rendering import Renderer
from schemas.arrays import Array, checked

_KEPT_SHARE = 0.8
_LEAST_SHAPE = 0.3  # below, the mask shows something else
_SHAPES = 6
_CLASSES = 3
_FINALISTS = 2
_RIVAL_SHARE = 0.8  # of the best rank
_TURNS_FITTED = 6
_APART_COSINE = np.cos(np.radians(25.0))
_APART_DIAMETERS = 0.12
_BLIND, _CORNER = 0.5, 0.02  # what a likeness of nothing is worth, and one corner that is found again
_HIDDEN_M = 0.02


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


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """What was found under a mask.

    Attributes:
        fit: The best placement.
        rivals: Others that the picture hardly tells from it, likely ones first.
        rank: How well depth, outline and colours agree, see ``Candidate``; 0 without depth.
    """

    fit: Fit
    rivals: list[Placement]
    rank: float = 0.0


def register(model: ObjectModel, mask: Array, images: FrameImages, renderer: Renderer) -> Registration | None:
    """The best placement under a mask and its rivals; None where mask or depth hold too little, or nothing fits them.

    Without any depth outline and colours must do, see ``register_by_picture``.

    Depth and outline find the shape's poses; the turns that leave the shape as it is are told apart by
    colour after each was refined, as 2 mm of misplacement already spoil a comparison of pictures.

    Args:
        model: The object.
        mask: (H, W) bool, its visible pixels.
        images: The frame.
        renderer: What draws.
    """
    if not images.sees_depth:
        found = register_by_picture(model, mask, images, renderer)
        return None if found is None else Registration(found, [])
    ranked = candidates(model, mask, images, renderer)
    final = [
        again
        for candidate in ranked[:_FINALISTS]
        if (again := _candidate(model, candidate.fit.placement, mask, images, renderer)) is not None
    ]
    final.sort(key=lambda candidate: -candidate.rank)
    if not final or final[0].shape < _LEAST_SHAPE:
        return None
    close = [one for one in final[1:] + ranked[_FINALISTS:] if one.rank > _RIVAL_SHARE * final[0].rank]
    return Registration(final[0].fit, [one.fit.placement for one in close], final[0].rank)


def candidates(model: ObjectModel, mask: Array, images: FrameImages, renderer: Renderer) -> list[Candidate]:
    """Refined placements under a mask, best first."""
    hypotheses = guess(model, mask, images)
    if hypotheses is None:
        return []
    shapes = [
        candidate
        for placement in _different_shapes(model, hypotheses)
        if (candidate := _candidate(model, placement, mask, images, renderer, texture=False)) is not None
    ]
    shapes.sort(key=lambda candidate: -candidate.shape)
    found: list[Candidate] = []
    for shape in shapes[:_CLASSES]:
        if shape.shape < _KEPT_SHARE * shapes[0].shape:
            break
        for turned in _likely_turns(model, shape.fit.placement, mask, images):
            candidate = _candidate(model, turned, mask, images, renderer)
            if candidate is not None:
                found.append(candidate)
    found.sort(key=lambda candidate: -candidate.rank)
    return found


def _likely_turns(model: ObjectModel, placement: Placement, mask: Array, images: FrameImages) -> list[Placement]:
    """The turned placements whose colours are most alike; all where there are few or nothing to compare."""
    if not model.textured or len(model.turns) <= _TURNS_FITTED:
        return [placement.after(turn) for turn in model.turns]
    masked = checked("depth_m", np.where(mask, images.depth_m, np.float32(0)), mask.shape, np.float32)
    faces = faces_of(model, placement)
    return most_alike(faces, likeness(model, faces, masked, images), _TURNS_FITTED)


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
    model: ObjectModel, start: Placement, mask: Array, images: FrameImages, renderer: Renderer, *, texture: bool = True
) -> Candidate | None:
    found = fit(model, start, images, renderer, coarse=False, texture=texture)
    if found is None:
        return None
    shape = found.evidence.geometry * overlap(found.look, mask, images)
    likeness = _BLIND + _CORNER * found.corners
    if model.textured:
        likeness += resemblance(found.look, in_crop(mask.astype(np.uint8), found.look) > 0)
    return Candidate(found, shape, shape * likeness)


def overlap(look: Look, mask: Array, images: FrameImages) -> float:
    """Intersection over union of a drawn outline and a mask, without what something nearer or the edge hides."""
    seen = in_crop(mask.astype(np.uint8), look) > 0
    measured = in_crop(images.depth_m, look)
    hidden = (measured > 0) & (measured < look.depth_m - _HIDDEN_M) & ~seen
    drawn = look.mask & ~hidden & look.crop.in_frame(images.depth_m.shape)
    return float((seen & drawn).sum() / max(1, (seen | drawn).sum()))
