"""The turns that leave an object's shape nearly as it is, told apart by the mesh's colours."""

import numpy as np

from estimators.geometric.fit import Fit, fit
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.resemblance import more_alike, seen_alike
from estimators.geometric.score import score_of
from estimators.geometric.sweep import about
from estimators.geometric.tint import LOGS, alike
from estimators.rendering import Renderer
from schemas.arrays import Array

_BETWEEN_RAD = np.radians([0.0, -10.0, 10.0])
_SAME_COSINE = np.cos(np.radians(15.0))
_EVERY, _GEOMETRY = 3, 0.6
_DOUBT, _TELLING = 0.8, 0.3  # of the usual likeness; of what colours can tell
_CLEARLY = 0.1  # better by the score
_FITTED = 4


def faces_of(model: ObjectModel, placement: Placement) -> list[Placement]:
    """The placements in which the shape looks as it does in one, that one first."""
    turned = [placement.after(turn) for turn in model.turns]
    if model.wheel is None:
        return turned
    # texture finds the rest of 5 degrees more surely than that of 15
    steps = [about(model.wheel.axis, angle_rad) for angle_rad in _BETWEEN_RAD]
    return [one.after(A, b) for one in turned for A, b in steps]


def likeness(model: ObjectModel, faces: list[Placement], depth_m: Array, images: FrameImages) -> Array:
    """(B,) likeness of the colours at placements where depth (H, W) finds them, -1 to 1, see ``tint.alike``."""
    R, t = np.stack([one.R for one in faces]), np.stack([one.t for one in faces])
    surface = model.surface
    return alike(surface.points, surface.normals, surface.tints, R, t, depth_m, images.cam, images.level(1), LOGS)


def most_alike(faces: list[Placement], ranks: Array, most: int) -> list[Placement]:
    """The best ranked placements, none within 15 degrees of a better one."""
    kept: list[Placement] = []
    for k in np.argsort(-ranks, kind="stable"):
        if not any(_is_same(faces[k], other) for other in kept):
            kept.append(faces[k])
        if len(kept) == most:
            break
    return kept


def _is_same(one: Placement, other: Placement) -> bool:
    return float((np.sum(one.R * other.R) - 1) / 2) >= _SAME_COSINE


def other_face(
    model: ObjectModel, memory: Memory, found: Fit, score: float, images: FrameImages, renderer: Renderer
) -> tuple[Fit, float, Memory]:
    """The fit, turned as the shape allows, where depth agrees with the pose but the mesh's colours do not."""
    evidence = found.evidence
    unlike = evidence.likeness < _DOUBT * memory.likeness and evidence.telling > _TELLING
    due = model.parts.restarts and len(model.turns) > 1 and memory.frames % _EVERY == 0
    if not due or not unlike or evidence.geometry < _GEOMETRY:
        return found, score, memory
    starts = _likelier(model, found.placement, images)
    fits = [one for start in starts if (one := fit(model, start, images, renderer, coarse=False)) is not None]
    better = [one for one in fits if score_of(one.evidence, memory) > score + _CLEARLY]
    best = max(better, key=lambda one: seen_alike(one.look, images), default=None)
    if best is None or not more_alike(best.look, found.look, images):
        return found, score, memory
    return best, score_of(best.evidence, memory), memory


def _likelier(model: ObjectModel, at: Placement, images: FrameImages) -> list[Placement]:
    """The other faces whose colours are most alike, of those that are more so than the one at a placement."""
    faces = faces_of(model, at)
    ranks = likeness(model, faces, images.depth_m, images)
    others = [k for k in range(1, len(faces)) if ranks[k] > ranks[0] and not _is_same(faces[k], at)]
    return most_alike([faces[k] for k in others], ranks[others], _FITTED)
