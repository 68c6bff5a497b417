"""Where an object may be that is lost, as the colour image tells."""

import numpy as np

from estimators.geometric.likelihood import Sight, sight_of
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages, crop_about_width
from estimators.geometric.placement import Placement
from estimators.geometric.template_odds import best_places
from estimators.geometric.templates import TEMPLATE_PX
from estimators.geometric.views import directions
from schemas.arrays import Array

_SCALES, _FAR_SCALES, _FAR_M = (1.0, 0.88, 1.14), (0.77, 1.3), 0.2  # of the last distance; when it may be far
_APART_PX, _APART_COSINE = 3.0, np.cos(np.radians(35.0))
_STRIDE_PX = 2
_ROOM_DIAMETERS = 1.4  # beside what is within reach
_LOOKED_AT, _ROUGHLY = 24, 3  # so many turns are looked at closely, after all were by every third point


def places_like(
    model: ObjectModel, last: Placement, angle_rad: float, reach_m: float, images: FrameImages, most: int,
) -> list[tuple[Array, Array]]:  # fmt: skip
    """(3, 3) rotations and (3,) translations where small pictures of the object fit, best first.

    Args:
        model: The object.
        last: Where it was; its own turn is tried beside those of the views.
        angle_rad: How far it may have turned since.
        reach_m: How far it may have moved across the view.
        images: The frame.
        most: How many are given at most.
    """
    turns, view = _turns(model, last, angle_rad)
    if len(turns) > _LOOKED_AT:
        rough = _matched(model, last.t, turns, view, reach_m, images, _ROUGHLY)[0]
        best = np.argsort(-rough, kind="stable")[:_LOOKED_AT]
        turns, view = turns[best], view[best]
    found: list[tuple[float, Array, Array]] = []
    for scale in _SCALES + (_FAR_SCALES if reach_m > _FAR_M else ()):
        merit, t = _matched(model, last.t * scale, turns, view, reach_m, images, 1)
        merit /= scale**2  # what is farther away covers less of the frame
        found += [(float(merit[k]), turns[k], t[k]) for k in range(len(turns)) if merit[k] > 0]
    found.sort(key=lambda one: -one[0])
    apart_m = _APART_PX / TEMPLATE_PX * model.mesh.diameter_m
    return [(turned_to(turn, place), place) for turn, place in _different(found, apart_m, most)]


def _matched(
    model: ObjectModel, last_m: Array, R: Array, view: Array, reach_m: float, images: FrameImages, every: int
) -> tuple[Array, Array]:
    """(B,) best odds and (B, 3) places of hypotheses at the distance of ``last_m``, by every so manyth point."""
    z, templates, D = float(last_m[2]), model.templates, model.mesh.diameter_m
    sight, inner = _sight_about(last_m, 2 * reach_m + _ROOM_DIAMETERS * D, D, images), templates.inner
    points, rgb, normals = (
        np.ascontiguousarray(one[:, :inner:every]) for one in (templates.points, templates.rgb, templates.normals)
    )
    weight = templates.area_px / -(-inner // every)
    best = best_places(
        points, rgb, normals, weight, view, R, sight.tints, sight.without, sight.hidden, sight.K[0, 0] / z,
        (images.known.terms, images.known.tone), _STRIDE_PX,
        reach_m * sight.K[0, 0] / z + _STRIDE_PX,
    )  # fmt: skip
    at = (best[:, 1:] - sight.K[:2, 2]) / [sight.K[0, 0], sight.K[1, 1]] * z
    return best[:, 0], np.column_stack([at, np.full(len(at), z)])


def _sight_about(at_m: Array, width_m: float, diameter_m: float, images: FrameImages) -> Sight:
    """What a window of the frame shows, the object ``TEMPLATE_PX`` in diameter in it."""
    size_px = max(8, int(TEMPLATE_PX * width_m / diameter_m))
    return sight_of(crop_about_width(images, at_m, width_m, size_px), images)


def _turns(model: ObjectModel, last: Placement, angle_rad: float) -> tuple[Array, Array]:
    """(B, 3, 3) rotations as seen in the middle of the image, the last one first, and (B,) their views."""
    own = turned_to(last.R, last.t, back=True)
    traces = np.einsum("bij,ij->b", model.views.rotations, own)
    near = (traces - 1) / 2 >= np.cos(min(angle_rad, np.pi))
    own_view = int(np.argmax(directions() @ (own.T @ np.array([0.0, 0.0, -1.0]))))
    return np.concatenate([own[None], model.views.rotations[near]]), np.append(own_view, model.views.view[near])


def turned_to(R: Array, t: Array, *, back: bool = False) -> Array:
    """The rotation that shows at a place (3,) what R shows in the middle of the image; ``back`` undoes it."""
    ray = t / np.linalg.norm(t)
    axis = np.array([-ray[1], ray[0], 0.0])
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = np.eye(3) + cross + cross @ cross / (1 + ray[2])
    return turn.T @ R if back else turn @ R


def _different(found: list[tuple[float, Array, Array]], apart_m: float, most: int) -> list[tuple[Array, Array]]:
    """The best finds that differ in place or turn from better ones."""
    kept: list[tuple[Array, Array]] = []
    for _, R, t in found:
        if len(kept) >= most:
            break
        if not any(
            np.linalg.norm(t[:2] - other[:2]) < apart_m and (np.einsum("ij,ij", R, turn) - 1) / 2 > _APART_COSINE
            for turn, other in kept
        ):
            kept.append((R, t))
    return kept
