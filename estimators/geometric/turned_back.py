"""An object that turned back between two frames: the places that it can have reached are tried quickly."""

import numpy as np

from estimators.geometric.elsewhere import Search
from estimators.geometric.fit import Fit, fit
from estimators.geometric.placement import Placement
from estimators.geometric.relocate import ball, merits

_REACH = 1.3  # of the way of a frame
_SPACING, _CELLS = 0.12, 7  # of the diameter between places, and how many from the middle to the rim at most
_LIKELIER, _BETTER = 0.06, 0.03  # by a small picture; by the score
_NOISE_M = 0.005


def turned_back(
    search: Search, before: Placement, predicted: Placement, found: Fit, score: float, seconds: float
) -> Fit | None:
    """A better fit from a place within reach that a small picture shows to be likelier; None where there is none.

    Where an object turns back, it is up to two ways of a frame from where constant velocity predicts it. A fit from
    there may end half way, behind the surface that is measured: what lies in front of it is then the object itself.

    Args:
        search: Of the frame.
        before: Where the object was in the frame before.
        predicted: Where it was predicted.
        found: What was fitted from there.
        score: Of that.
        seconds: Since the frame before.
    """
    memory, model = search.memory, search.model
    way_m = memory.way_m(seconds)
    spacing_m = max(_SPACING * model.mesh.diameter_m, way_m / _CELLS)
    places = np.vstack([found.placement.t, before.t + ball(_REACH * way_m + spacing_m, spacing_m)])
    merit = merits(model, memory, predicted.R, places, search.images, search.stands, spacing_m / 2 + _NOISE_M)
    best = int(np.argmax(merit))
    if merit[best] < merit[0] + _LIKELIER:
        return None
    other = fit(model, Placement(predicted.R, places[best]), search.images, search.renderer)
    return other if other is not None and search.value(other) > score + _BETTER else None
