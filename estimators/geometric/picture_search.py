"""Comparing placements of one object in one frame without depth, and finding the likeliest."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np

from estimators.geometric.cloud import likeliest
from estimators.geometric.fit import Fit
from estimators.geometric.fit_by_picture import fit_by_picture
from estimators.geometric.likelihood import Sight, log_odds_of, sight_of
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.motion import rotation_vector
from estimators.geometric.pictures import FrameImages, crop_about_width
from estimators.geometric.placement import Placement
from estimators.geometric.refine_by_picture import Held
from estimators.geometric.score import score_of
from estimators.geometric.trust import TRUSTED
from estimators.rendering import Renderer
from schemas.arrays import Array

_WIDTH, _SIDE_PX, _LARGEST_PX = 1.45, 40, 120  # of the diameter; of a sight that wide, and of any
_EVIDENCE = 0.3  # of a pixel's log-odds: neighbours say the same
SCORE = 30.0
"""What a score of one, which sees edges and texture, weighs beside log-odds."""
PART_ODDS = 25.0
"""Summed log-odds that say that a part of it shows, however much is hidden."""
LEAST_ODDS = 0.3
"""That are taken to be usual."""
_SURE = 0.85  # of what is usual
_FITTED = 2


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A fit and how well the frame agrees with it.

    Attributes:
        fit: The fit.
        score: See ``score.score_of``.
        odds: Mean log-odds of its pixels, -3 to 3.
        total: ``PictureSearch.odds`` of it: that something of it is there, however much is hidden.
    """

    fit: Fit
    score: float
    odds: float
    total: float


class PictureSearch:
    """What is asked of a frame about one object.

    Args:
        model: The object.
        memory: What is remembered of it.
        images: The frame.
        renderer: What draws.
        held: Where it is predicted, and how surely.
    """

    def __init__(self, model: ObjectModel, memory: Memory, images: FrameImages, renderer: Renderer, held: Held) -> None:
        self.model, self.memory, self.images, self.renderer, self.held = model, memory, images, renderer, held
        self.predicted = Placement(held.R, held.t)
        self._spread = np.linalg.inv(held.information)
        self._sight = self._seen_about(held.t, 2 * float(np.sqrt(self._spread[3:, 3:].max())))

    def about(self, center_m: Array, reach_m: float) -> "PictureSearch":
        """The same, for placements within reach of another place (3,)."""
        other = copy(self)
        other._sight = self._seen_about(center_m, reach_m)  # noqa: SLF001 - of the same class
        return other

    def over(self, one: Placement, other: Placement) -> "PictureSearch":
        """The same, for two placements, wherever they are."""
        return self.about((one.t + other.t) / 2, float(np.linalg.norm(one.t - other.t)) / 2)

    def _seen_about(self, center_m: Array, reach_m: float) -> Sight:
        usual_m = _WIDTH * self.model.mesh.diameter_m
        width_m = usual_m + 2 * reach_m
        size_px = min(_LARGEST_PX, int(_SIDE_PX * width_m / usual_m))
        return sight_of(crop_about_width(self.images, center_m, width_m, size_px), self.images)

    def odds(self, placements: Sequence[Placement]) -> Array:
        """(B,) logarithm of how much likelier the frame is with the object at each placement than without it."""
        return _EVIDENCE * self._log_odds(placements)[0]

    def _log_odds(self, placements: Sequence[Placement]) -> tuple[Array, Array]:
        return log_odds_of(self.model, self._sight, placements, self.images, self.renderer)

    def merit(self, placements: Sequence[Placement]) -> Array:
        """(B,) ``odds``, less how far each placement is off the predicted one."""
        off = np.stack([step_between(self.predicted, one) for one in placements])
        return self.odds(placements) - 0.5 * np.einsum("bi,ij,bj->b", off, self.held.information, off)

    def judged(self, fitted: Fit) -> Found:
        """A fit with its score and odds."""
        total, mean = self._log_odds([fitted.placement])
        return Found(fitted, score_of(fitted.evidence, self.memory), float(mean[0]), _EVIDENCE * float(total[0]))

    def fit(self, start: Placement, *, coarse: bool = False, held: bool = False) -> Fit | None:
        """The fit from a start, held near the predicted pose or loosely near the start itself."""
        return fit_by_picture(
            self.model, start, self.images, self.renderer, coarse=coarse, held=self.held if held else None
        )

    def best(self) -> Found | None:
        """The fit from the predicted pose; where it is in doubt the best of it and of those from likely placements."""
        fitted = self.fit(self.predicted, coarse=True, held=True)
        found = None if fitted is None else self.judged(fitted)
        if found is not None and self._is_sure(found):
            return found
        fits = [] if fitted is None else [fitted]
        if self.model.parts.restarts:
            starts = likeliest([self.predicted], self._spread, self.merit, _FITTED)
            fits += [one for start in starts if (one := self.fit(start, held=True)) is not None]
        if len(fits) < 2:
            return found if found is not None or not fits else self.judged(fits[0])
        return self.judged(fits[int(np.argmax(self.merit([one.placement for one in fits]) + self._scores(fits)))])

    def best_of(self, starts: list[Placement], spread: Array, most: int) -> Fit | None:
        """The best fit from placements near some others, wherever the object was predicted."""
        return self.fitted(likeliest(starts, spread, self.odds, most))

    def fitted(self, starts: Sequence[Placement]) -> Fit | None:
        """The best of the fits from some placements; None where nothing is in view."""
        fits = [one for start in starts if (one := self.fit(start)) is not None]
        if not fits:
            return None
        return fits[int(np.argmax(self.odds([one.placement for one in fits]) + self._scores(fits)))]

    def _scores(self, fits: Sequence[Fit]) -> Array:
        return SCORE * np.array([score_of(one.evidence, self.memory) for one in fits])

    def _is_sure(self, found: Found) -> bool:
        usual = self.memory
        return found.odds >= _SURE * usual.odds and found.score >= max(_SURE * usual.mean_score, TRUSTED)


def step_between(predicted: Placement, placement: Placement) -> Array:
    """(6,) turn and shift, camera's axes, from what was predicted to a placement."""
    return np.concatenate([rotation_vector(placement.R @ predicted.R.T), placement.t - predicted.t])
