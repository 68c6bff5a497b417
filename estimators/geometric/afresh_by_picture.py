"""Looking for an object anew where there is no depth: elsewhere, or turned another way."""

import numpy as np

from estimators.geometric.cloud import narrowed
from estimators.geometric.find_by_picture import places_like, turned_to
from estimators.geometric.fit import Fit
from estimators.geometric.picture_search import LEAST_ODDS, PART_ODDS, SCORE, Found, PictureSearch
from estimators.geometric.placement import Placement
from schemas import Pose

# how far it may have turned and moved across the view since it was trusted: at once, and a frame
_TURN_RAD, _TURN_FRAME_RAD = np.radians(40.0), np.radians(8.0)
_REACH_DIAMETERS, _REACH_M, _REACH_SPEED_S, _FARTHEST_M = 0.4, 0.004, 1.2 / 30, 0.3
_PLACES, _FITTED, _KEPT = 10, 3, 8
_CLOSE = np.diag(np.repeat([np.radians(10.0), 0.015], 3) ** 2)
_ALONG_M = 0.05  # it may be farther or nearer, beside that
_FAR_ODDS, _FAR_SCORE, _SEEN_ODDS, _NEAR_DIAMETERS, _NEAR_M = 0.6, 0.4, 0.2, 0.5, 0.02  # the odds of the usual ones
# placements kept, tried about each, and how far off (radians, metres), ever closer
_NARROWER = ((24, 4, np.radians(18.0), 0.012), (12, 8, np.radians(10.0), 0.008), (8, 8, np.radians(5.0), 0.005))
_MOST_FITTED = 4
_CLEARLY, _LIKELIER = 8.0, 15.0  # of the logarithm of odds


def looked_for(search: PictureSearch, found: Found | None) -> tuple[Found, bool] | None:
    """Where, or turned as, the object is clearly likelier than it seems to be, and whether that is another place.

    In one frame it is looked for elsewhere, in the next all its turns are tried where something of it is seen. None
    where there is nothing better. Another place must show it nearly as well as usual, as an equal object may stand
    there; the same place need only be likelier, however much is hidden.

    Args:
        search: Of a frame in which it is not seen as well as usual.
        found: The best of what is near its predicted place.
    """
    memory, usual = search.memory, max(search.memory.odds, LEAST_ODDS)
    at = search.predicted if found is None else found.fit.placement
    if memory.bad % 2:
        fitted = found_elsewhere(search)
    else:
        seen = found is not None and found.odds > _SEEN_ODDS * usual
        fitted = turned_thoroughly(search, at) if seen else None
    if fitted is None or not can_be_at(search, fitted.placement):
        return None
    both = search.over(at, fitted.placement)
    other, (here, there) = both.judged(fitted), both.odds([at, fitted.placement])
    more = there - here + SCORE * (other.score - (0.0 if found is None else found.score))
    far = bool(np.linalg.norm(at.t - fitted.placement.t) > _NEAR_DIAMETERS * search.model.mesh.diameter_m)
    sure = other.odds > _FAR_ODDS * usual and other.score > _FAR_SCORE
    better = other.total > PART_ODDS and more > _LIKELIER
    return (other, far) if better and (sure or not far) else None


def found_elsewhere(search: PictureSearch) -> Fit | None:
    """The likeliest fit within reach of the last trusted place; None where nothing is in view."""
    trusted, reach_m, angle_rad = _reach(search)
    likely = places_like(search.model, trusted, angle_rad, reach_m, search.images, _PLACES)
    starts = [trusted] + [Placement(R, t) for R, t in likely]
    return search.about(trusted.t, reach_m).best_of(starts, _CLOSE, _FITTED)


def _reach(search: PictureSearch) -> tuple[Placement, float, float]:
    """Where the object was last trusted, and how far it can have moved (metres) and turned (radians) since."""
    memory = search.memory
    trusted = Placement.of(Pose(memory.rotation, memory.translation_m), search.model.center_m)
    frames = max(1, memory.frames - memory.trusted_frame)
    reach_m = _REACH_DIAMETERS * search.model.mesh.diameter_m
    reach_m = min(reach_m + (_REACH_M + _REACH_SPEED_S * memory.speed_m_s) * frames, _FARTHEST_M)
    return trusted, reach_m, _TURN_RAD + _TURN_FRAME_RAD * frames


def can_be_at(search: PictureSearch, placement: Placement) -> bool:
    """Whether the object can have got to a place; how far away it was is known less well than where in the view."""
    trusted, reach_m, _ = _reach(search)
    ray, off = trusted.t / np.linalg.norm(trusted.t), placement.t - trusted.t
    along = float(off @ ray)
    return abs(along) < reach_m + _ALONG_M and float(np.linalg.norm(off - along * ray)) < reach_m


def turned_afresh(search: PictureSearch, found: Found) -> Found | None:
    """A fit turned another way that is clearly likelier; None where there is none."""
    at = found.fit.placement
    here = search.about(at.t, 0.0)
    starts = [Placement(turned_to(R, at.t), at.t) for R in search.model.views.rotations]
    chosen = [starts[k] for k in np.argsort(-here.odds(starts), kind="stable")[:_KEPT]]
    other = here.best_of(chosen, _CLOSE, _FITTED)
    if other is None:
        return None
    now, then = here.odds([at, other.placement])
    return search.judged(other) if then > now + _CLEARLY else None


def turned_thoroughly(search: PictureSearch, at: Placement) -> Fit | None:
    """The likeliest fit near a place, whatever its turn; slow."""
    here = search.about(at.t, _NEAR_M)
    tried = [Placement(turned_to(R, at.t), at.t) for R in search.model.views.rotations]
    return here.fitted(narrowed(tried, here.odds, _NARROWER, _MOST_FITTED))
