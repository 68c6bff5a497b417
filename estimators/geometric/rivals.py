"""Poses that a registration could not tell from the one it chose: kept, and decided as the object shows other sides."""

from dataclasses import replace

import numpy as np

from estimators.geometric.fit import Fit, fit
from estimators.geometric.memory import RIVALS, Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.resemblance import seen_alike
from estimators.rendering import Renderer
from schemas.arrays import Array

_NEWS_COSINE = np.cos(np.radians(5.0))  # the same view again says the same again, and is no further evidence
_DECIDED = 0.6  # of merit, gathered over views; one view's error is about a third of it
_PLAIN_MERIT = 4.0
_APART_COSINE = np.cos(np.radians(15.0))


def steps_to(best: Placement, others: list[Placement]) -> Array:
    """(RIVALS, 13) the way from a placement to others, as ``Memory.rivals``; all 0 where there are fewer."""
    rivals = np.zeros((RIVALS, 13))
    turned = [other for other in others if (np.sum(best.R * other.R) - 1) / 2 < _APART_COSINE]
    for k, other in enumerate(turned[:RIVALS]):
        rivals[k, :9], rivals[k, 9:12] = (best.R.T @ other.R).reshape(9), best.R.T @ (other.t - best.t)
    return rivals


def decided(
    model: ObjectModel, memory: Memory, found: Fit, images: FrameImages, renderer: Renderer
) -> tuple[Fit, Memory]:
    """The fit, or a rival's where what was seen by now speaks for it; the memory with what was gathered.

    They are looked at only where the object shows another side than at the last look.
    """
    at = found.placement
    view = at.view
    if not memory.rivals.any() or view @ memory.rivals_view > _NEWS_COSINE:
        return found, memory
    rivals = memory.rivals.copy()
    own = _merit(found, images, textured=model.textured)
    for k in np.nonzero(rivals.any(axis=1))[0]:
        start = at.after(rivals[k, :9].reshape(3, 3), rivals[k, 9:12])
        other = fit(model, start, images, renderer, coarse=False)
        rivals[k, 12] += (_merit(other, images, textured=model.textured) if other else 0.0) - own
        if other is not None and rivals[k, 12] > _DECIDED:
            turns = np.zeros_like(memory.turns)
            return other, replace(memory, rivals=np.zeros_like(rivals), likeness=other.evidence.likeness, turns=turns)
        if rivals[k, 12] < -_DECIDED:
            rivals[k] = 0.0
    return found, replace(memory, rivals=rivals, rivals_view=view)


def _merit(found: Fit, images: FrameImages, *, textured: bool) -> float:
    """Agreement with depth times that with the picture, 0 to 8; with depth alone where the mesh is plain."""
    if not textured:
        return _PLAIN_MERIT * found.evidence.geometry
    return found.evidence.geometry * (1.0 + seen_alike(found.look, images))
