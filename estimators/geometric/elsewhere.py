"""Where else an object may be when it is not where motion predicts: near by first, then in pieces of the scene."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from estimators.geometric.fit import Fit, fit
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.probation import MOVING_M_S, at_decoy
from estimators.geometric.register import register
from estimators.geometric.relocate import SHRINK, relocate
from estimators.geometric.scene import share_standing, standing
from estimators.geometric.score import score_of
from estimators.geometric.segments import find_segments
from estimators.geometric.sweep import end_for_end, turned_over
from estimators.rendering import Renderer
from schemas import Pose
from schemas.arrays import Array

_NEAR_DIAMETERS = 0.15  # how far an object may be from its predicted place, beside the way of each unseen frame
_NEAR_LEAST = 0.12  # of a score, less the farther off
_FOUND_SCORE, _CLEARLY = 0.52, 0.1
_FAR_SCORE, _FAR_CLEARLY = 0.65, 0.3  # farther than the object could be by its usual motion
_REACH_DIAMETERS, _REACH_M = 0.5, 0.04  # of the diameter, and a frame
_OVER = 0.1  # more where the axis would have to have turned over while nobody looked
_FARTHEST_M = 0.3
_SEGMENTS, _RIVALS = 2, 3
_STOOD_FREE, _STOOD = 0.15, 0.5  # of what is taken for the object: what chance does, and a copy of it


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """A frame in which an object is looked for.

    Attributes:
        model: The object.
        memory: Of it.
        images: The frame.
        renderer: What draws.
        stands: (h, w) uint8 of ``standing``; None where the object itself stood still, or the camera moves.
    """

    model: ObjectModel
    memory: Memory
    images: FrameImages
    renderer: Renderer
    stands: Array | None

    @staticmethod
    def of(model: ObjectModel, memory: Memory, images: FrameImages, renderer: Renderer) -> "Search":
        """A search for an object."""
        moving = memory.speed_m_s > MOVING_M_S
        return Search(model, memory, images, renderer, standing(memory.scene, images, SHRINK) if moving else None)

    def value(self, found: Fit) -> float:
        """The score of a fit, 0 where it takes for the object what stood there before."""
        stood = share_standing(found.points, self.stands, self.images, SHRINK)
        free = min(1.0, max(0.0, (_STOOD - stood) / (_STOOD - _STOOD_FREE)))
        return score_of(found.evidence, self.memory) * free


def nearby(search: Search, predicted: Placement, best: Fit | None, seconds: float) -> Fit | None:
    """The best fit about the predicted placement, where it is likelier than ``best``: better, or nearer to there."""
    diameter_m = search.model.mesh.diameter_m
    memory = search.memory
    way_m = memory.way_m(seconds)
    near_m = _NEAR_DIAMETERS * diameter_m + way_m * (1 + memory.bad)
    unseen = memory.frames - memory.trusted_frame
    reach_m = min(_FARTHEST_M, _NEAR_DIAMETERS * diameter_m + way_m * unseen)

    def likely(found: Fit) -> float:
        off = float(np.linalg.norm(found.placement.t - predicted.t)) / near_m
        return search.value(found) * float(np.exp(-0.5 * off * off))

    # an object that turned back is nowhere near the predicted place, but within its usual way of the last trusted one
    trusted = Placement.of(Pose(memory.rotation, memory.translation_m), search.model.center_m)
    about = Placement(predicted.R, trusted.t)
    other = relocate(
        search.model, search.memory, about, reach_m, near_m, search.images, search.renderer, likely, search.stands
    )
    if other is None or likely(other) < _NEAR_LEAST or (best is not None and likely(best) >= likely(other)):
        return None
    return other


def elsewhere(search: Search, about: Placement, score: float) -> Fit | None:
    """The best fit that the object can have reached since it was last trusted, where it clearly beats ``score``.

    First the places about ``about``, then pieces of the scene that could be the object, turned any way.
    """
    model, memory = search.model, search.memory
    diameter_m = model.mesh.diameter_m
    trusted = Placement.of(Pose(memory.rotation, memory.translation_m), model.center_m)
    reach_m = _REACH_DIAMETERS * diameter_m + _REACH_M * max(1, memory.frames - memory.trusted_frame)

    def possible(found: Fit | None) -> bool:
        if found is None:
            return False
        near = search.stands is not None or np.linalg.norm(found.placement.t - about.t) < _REACH_DIAMETERS * diameter_m
        least = max(_FOUND_SCORE, score + _CLEARLY) if near else max(_FAR_SCORE, score + _FAR_CLEARLY)
        least += _OVER if turned_over(model.wheel, found.placement.R, trusted.R) else 0.0
        return (
            search.value(found) > least
            and bool(np.linalg.norm(found.placement.t - trusted.t) < reach_m)
            and not at_decoy(memory, found.placement.t, diameter_m)
        )

    def likely(found: Fit) -> float:
        return search.value(found) - (_OVER if turned_over(model.wheel, found.placement.R, trusted.R) else 0.0)

    grid = relocate(
        model,
        memory,
        about,
        min(reach_m, _FARTHEST_M),
        _FARTHEST_M,
        search.images,
        search.renderer,
        search.value,
        search.stands,
    )
    if possible(grid):
        return grid
    fits = [found for found in _in_pieces(search, trusted, reach_m) if possible(found)]
    return max(fits, key=likely) if fits else None


def _in_pieces(search: Search, trusted: Placement, reach_m: float) -> Iterator[Fit]:
    """What fits the pieces of the scene within reach: the registered pose, which may be turned over, and its rivals."""
    model = search.model
    for segment in find_segments(model, trusted.t, reach_m, search.images, _SEGMENTS, search.stands):
        if at_decoy(search.memory, segment.center_m, model.mesh.diameter_m):
            continue
        found = register(model, segment.mask, search.images, search.renderer)
        if found is None:
            continue
        yield found.fit
        rivals = found.rivals[:_RIVALS]
        if model.wheel is not None and turned_over(model.wheel, found.fit.placement.R, trusted.R):
            rivals = [*rivals, end_for_end(model.wheel, found.fit.placement)]
        for rival in rivals:
            again = fit(model, rival, search.images, search.renderer, coarse=False)
            if again is not None:
                yield again
