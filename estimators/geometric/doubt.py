"""When a fit is in doubt, and looking for a better one elsewhere then."""

import numpy as np

from estimators.geometric.elsewhere import Search, elsewhere, nearby
from estimators.geometric.fit import Fit
from estimators.geometric.memory import Memory
from estimators.geometric.placement import Placement
from estimators.geometric.probation import MOVING_M_S
from estimators.geometric.trust import TRUSTED
from estimators.geometric.turned_back import turned_back

LOST_SCORE = 0.3
"""A score at which an object is about to be lost."""
_CONTRADICTED, _HIDDEN_EVERY, _UNSEEN_EVERY = 0.05, 8, 3
_NEARBY_DOUBT = 0.35  # a score below which all places about the predicted one are tried
_GLIMPSE, _GLIMPSE_WRONG, _COLOURED = 0.12, 0.03, 0.55
_SURE = 0.85  # of the usual score: below, the object may have turned back
_DOUBT = 0.6  # of the usual score: below, the object is looked for elsewhere too
_STANDS, _OFF_WAY = 0.5, 2.0  # of its usual speed; of the way of a frame


def unsure(memory: Memory, before: Placement, found: Fit | None, score: float, seconds: float) -> bool:
    """Whether places nearby are to be looked at: the score is lower than usual, or it is in doubt."""
    return score < _SURE * memory.mean_score or in_doubt(memory, before, found, score, seconds)


def in_doubt(memory: Memory, before: Placement, found: Fit | None, score: float, seconds: float) -> bool:
    """Whether other places are to be looked at: the score is low, or what was moving stands still.

    What was not seen in the frame before, or is on probation, must show that it did not stand there all the time.
    """
    if found is None or memory.bad or memory.probation or score < max(TRUSTED, _DOUBT * memory.mean_score):
        return True
    way_m = _apart_m(found.placement, before)
    return memory.speed_m_s > MOVING_M_S and way_m < _STANDS * memory.speed_m_s * seconds


def looked_about(
    search: Search, before: Placement, predicted: Placement, found: Fit | None, score: float, seconds: float
) -> tuple[Fit | None, float, bool]:
    """The fit or a better one from another place, its score, and whether it is off the object's way."""
    back = turned_back(search, before, predicted, found, score, seconds) if found else None
    if back is not None:
        found, score = back, search.value(back)
    if not in_doubt(search.memory, before, found, score, seconds):
        return found, score, False
    return _looked_farther(search, before, predicted, found, seconds)


def _looked_farther(
    search: Search, before: Placement, predicted: Placement, found: Fit | None, seconds: float
) -> tuple[Fit | None, float, bool]:
    """The same, where it is in doubt whether it is the object at all."""
    memory = search.memory
    score, jumped = search.value(found) if found else 0.0, False
    near = nearby(search, predicted, found, seconds) if score < _NEARBY_DOUBT else None
    if near is not None:
        jumped = _apart_m(near.placement, predicted) > _OFF_WAY * _apart_m(predicted, before)
        found, score = near, search.value(near)
    if search.model.parts.recovery and _search_due(memory, found, score):
        far = elsewhere(search, predicted, score)
        if far is not None:
            found, score, jumped = far, search.value(far), True
    return found, score, jumped


def _search_due(memory: Memory, found: Fit | None, score: float) -> bool:
    """Whether to look elsewhere: at once where depth contradicts the pose, now and then where it is hidden."""
    if found is None or not seen(found, score):
        return memory.bad % _UNSEEN_EVERY == _UNSEEN_EVERY - 1
    if score < TRUSTED and found.evidence.wrong > _CONTRADICTED:
        return True
    return score < max(TRUSTED, _DOUBT * memory.mean_score) and memory.frames % _HIDDEN_EVERY == 0


def seen(found: Fit, score: float) -> bool:
    """Whether a fit is worth following: a glimpse of a hidden object is, where nothing speaks against it."""
    if score >= TRUSTED:
        return True
    # a hand that fits half is told from a glimpse of the object by its colours
    return _coloured_right(found, score) and (
        score >= LOST_SCORE or (score >= _GLIMPSE and found.evidence.wrong < _GLIMPSE_WRONG)
    )


def half_hidden(found: Fit, score: float) -> bool:
    """Whether the score is low for what hides the object alone."""
    return score >= LOST_SCORE and found.evidence.wrong < _CONTRADICTED and _coloured_right(found, score)


def _coloured_right(found: Fit, score: float) -> bool:
    """Whether it is not the colours that keep the score low."""
    return score >= _COLOURED * found.evidence.geometry


def _apart_m(one: Placement, other: Placement) -> float:
    return float(np.linalg.norm(one.t - other.t))
