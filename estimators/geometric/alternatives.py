"""Other poses worth trying when the one that motion predicts is in doubt."""

from dataclasses import replace

import numpy as np

from estimators.geometric.elsewhere import elsewhere_by_picture
from estimators.geometric.fit import Fit, Placement, fit
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.probation import at_decoy
from estimators.geometric.register import register
from estimators.geometric.relocate import relocate
from estimators.geometric.score import score_of
from estimators.geometric.segments import find_segments
from estimators.geometric.sweep import STEPS, Wheel, about, sweep
from estimators.geometric.sweep_by_picture import sweep_by_picture
from estimators.rendering import Renderer
from schemas import Pose
from schemas.arrays import Array

_DOUBT = 0.75  # of the usual score: below, other starts are tried too
_FOUND_SCORE, _CLEARLY = 0.52, 0.1
_FAR_SCORE, _FAR_CLEARLY = 0.65, 0.3  # farther than the object could be by its usual motion
_REACH_DIAMETERS, _REACH_M = 0.5, 0.04  # of the diameter, and a frame
_SEGMENTS = 2
_SWEEP_EVERY, _SWEEP_MEMORY = 2, 0.75
# of merit: what a single view may pretend, 3 in a row do not
_SWEEP_GATHERED, _SWEEP_NOW, _SWEEP_SLACK = 0.05, 0.012, 0.01
_FACE_EVERY, _FACE_GEOMETRY = 3, 0.6
_FACE_DOUBT, _FACE_TELLING = 0.8, 0.3  # of the usual likeness; of what colours can tell


def best_start(
    model: ObjectModel,
    memory: Memory,
    before: Placement,
    predicted: Placement,
    images: FrameImages,
    renderer: Renderer,
) -> tuple[Fit | None, float]:
    """The fit from the predicted pose; from the last and the last trusted pose too where it is in doubt."""
    best = fit(model, predicted, images, renderer)
    score = score_of(best.evidence, memory) if best else 0.0
    if not model.parts.restarts or (score >= _DOUBT * memory.mean_score and best is not None):
        return best, score
    trusted = Placement.of(Pose(memory.rotation, memory.translation_m), model.center_m)
    for start in (before, trusted) if memory.bad else (before,):
        other = fit(model, start, images, renderer)
        if other is not None and (best is None or score_of(other.evidence, memory) > score):
            best, score = other, score_of(other.evidence, memory)
    return best, score


def elsewhere(
    model: ObjectModel, memory: Memory, predicted: Placement, score: float, images: FrameImages, renderer: Renderer
) -> Fit | None:
    """The best fit that the object can have reached since it was last trusted, where it clearly beats ``score``.

    First a grid about the predicted pose, then pieces of the scene that could be the object, turned any way.
    """
    if not images.sees_depth:
        return elsewhere_by_picture(model, memory, score, images, renderer)
    trusted = Placement.of(Pose(memory.rotation, memory.translation_m), model.center_m)
    reach_m = _REACH_DIAMETERS * model.mesh.diameter_m + _REACH_M * max(1, memory.frames - memory.trusted_frame)

    def value(found: Fit) -> float:
        return score_of(found.evidence, memory)

    def possible(found: Fit | None) -> bool:
        if found is None:
            return False
        near = np.linalg.norm(found.placement.t - predicted.t) < _REACH_DIAMETERS * model.mesh.diameter_m
        least = max(_FOUND_SCORE, score + _CLEARLY) if near else max(_FAR_SCORE, score + _FAR_CLEARLY)
        return (
            value(found) > least
            and bool(np.linalg.norm(found.placement.t - trusted.t) < reach_m)
            and not at_decoy(memory, found.placement.t, model.mesh.diameter_m)
        )

    grid = relocate(model, predicted, memory.frames - memory.trusted_frame, images, renderer, value)
    if possible(grid):
        return grid
    fits = [
        found
        for segment in find_segments(model, trusted.t, reach_m, images, most=_SEGMENTS)
        if not at_decoy(memory, segment.center_m, model.mesh.diameter_m)
        and (found := register(model, segment.mask, images, renderer)) is not None
        and possible(found)
    ]
    return max(fits, key=value) if fits else None


def other_face(
    model: ObjectModel, memory: Memory, found: Fit, score: float, images: FrameImages, renderer: Renderer
) -> tuple[Fit, float, Memory]:
    """The fit, turned as the shape allows, where depth agrees with the pose but the mesh's colours do not."""
    evidence = found.evidence
    unlike = evidence.likeness < _FACE_DOUBT * memory.likeness and evidence.telling > _FACE_TELLING
    due = model.parts.restarts and len(model.turns) > 1 and memory.frames % _FACE_EVERY == 0
    if not due or not unlike or evidence.geometry < _FACE_GEOMETRY:
        return found, score, memory
    best, best_score = found, score + _CLEARLY
    for turn in model.turns[1:]:
        other = fit(model, Placement(found.placement.R @ turn, found.placement.t), images, renderer, coarse=False)
        if other is not None and score_of(other.evidence, memory) > best_score:
            best, best_score = other, score_of(other.evidence, memory)
    return (best, best_score, memory) if best is not found else (found, score, memory)


def turned(
    model: ObjectModel, memory: Memory, found: Fit, score: float, images: FrameImages, renderer: Renderer
) -> tuple[Fit, float, Memory]:
    """The fit, turned about the axis of near-symmetry where frames in a row speak for another turn."""
    if not model.parts.turns or model.wheel is None or memory.frames % _SWEEP_EVERY:
        return found, score, memory
    # a hand in front is easily taken for a handle
    seen = (1.0 - found.evidence.hidden) ** 2
    merits = seen * _merits(model, model.wheel, found.placement, images, renderer)
    turns = (_SWEEP_MEMORY * memory.turns + (merits - merits[0])).astype(np.float32)
    best = int(np.argmax(2 * turns + np.roll(turns, 1) + np.roll(turns, -1)))  # the pose itself drifts meanwhile
    if turns[best] > _SWEEP_GATHERED and merits[best] - merits[0] > _SWEEP_NOW:
        A, b = about(model.wheel.axis, 2 * np.pi * best / STEPS)
        start = Placement(found.placement.R @ A, found.placement.R @ b + found.placement.t)
        other = fit(model, start, images, renderer, coarse=False)
        if other is not None and score_of(other.evidence, memory) > score - _SWEEP_SLACK:
            again = seen * _merits(model, model.wheel, other.placement, images, renderer)[0]
            if again > merits[0] + _SWEEP_NOW:
                turns = np.roll(turns, -best) - turns[best]
                return other, score_of(other.evidence, memory), replace(memory, turns=turns)
    return found, score, replace(memory, turns=turns)


def _merits(model: ObjectModel, wheel: Wheel, placement: Placement, images: FrameImages, renderer: Renderer) -> Array:
    """(36,) what speaks for each turn about the axis."""
    if images.sees_depth:
        return sweep(wheel, placement, images)
    return sweep_by_picture(model, wheel, placement, images, renderer)
