"""Where an object can be of which hardly anything shows: behind what is in front, not where depth sees through."""

import numpy as np

from estimators.geometric.elsewhere import Search
from estimators.geometric.placement import Placement
from estimators.geometric.relocate import ball, contradictions

_SPACING, _CELLS = 0.12, 7  # of the diameter between places, and how many from the middle to the rim at most
_NEAR = 0.15  # of the diameter, beside the way of a frame: how far off it may be expected
_WAYS = 2.0  # an object that turns back is so many ways of a frame off
_SIGMA = 0.6  # of that distance
_CONTRADICTED = 0.25  # a logarithm of odds for each of 60 points: neighbours err together
_NOISE_M = 0.005


def hidden_at(search: Search, predicted: Placement, seconds: float) -> Placement:
    """The predicted placement, shifted to where the object can be: the mean of the places about it.

    A place is less likely the farther it is from the predicted one, and the more of the object's points would be seen
    there and are not. What something else hides speaks neither way.

    Args:
        search: Of the frame.
        predicted: Where it would be by its motion.
        seconds: Since the frame before.
    """
    memory, diameter_m = search.memory, search.model.mesh.diameter_m
    way_m = memory.way_m(seconds)
    sigma_m, reach_m = _SIGMA * (_NEAR * diameter_m + way_m), _NEAR * diameter_m + _WAYS * way_m
    spacing_m = max(_SPACING * diameter_m, reach_m / _CELLS)
    offsets = ball(reach_m, spacing_m)
    against = contradictions(
        search.model, memory, predicted.R, predicted.t + offsets, search.images, search.stands,
        spacing_m / 2 + _NOISE_M,
    )  # fmt: skip
    odds = -_CONTRADICTED * against - (offsets**2).sum(axis=1) / (2 * sigma_m**2)
    weights = np.exp(odds - odds.max())
    return Placement(predicted.R, predicted.t + weights @ offsets / weights.sum())
