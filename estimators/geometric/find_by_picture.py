"""Where an object may be that is lost, as the colour image tells."""

from typing import TYPE_CHECKING

import cv2
import numpy as np

from estimators.geometric.templates import TEMPLATE_PX, features, match_all
from estimators.geometric.views import directions
from schemas.arrays import Array

if TYPE_CHECKING:
    from estimators.geometric.model import ObjectModel
    from estimators.geometric.pictures import FrameImages
    from estimators.geometric.placement import Placement

_SCALES, _FAR_SCALES, _FAR_M = (1.0, 0.88, 1.14), (0.77, 1.3), 0.2  # of the last distance; when it may be far
_APART_PX, _APART_COSINE = 3.0, np.cos(np.radians(35.0))
_STRIDE_PX = 2
_NOTHING = 9.0  # of a logarithm: no colour of a mesh
_LOOKED_AT, _ROUGHLY = 24, 3  # so many turns are looked at closely, after all were by every third point


def places_like(
    model: "ObjectModel", last: "Placement", angle_rad: float, reach_m: float, images: "FrameImages", tone: Array,
    most: int,
) -> list[tuple[Array, Array]]:  # fmt: skip
    """(3, 3) rotations and (3,) translations where small pictures of the object fit, best first.

    Args:
        model: The object.
        last: Where it was; its own turn is tried beside those of the views.
        angle_rad: How far it may have turned since.
        reach_m: How far it may have moved across the view.
        images: The frame.
        tone: (2,) see ``match_all``.
        most: How many are given at most.
    """
    turns, view = _turns(model, last, angle_rad)
    if len(turns) > _LOOKED_AT:
        rough = _matched(model, last.t, turns, view, reach_m, images, tone, _ROUGHLY)[0]
        best = np.argsort(-rough, kind="stable")[:_LOOKED_AT]
        turns, view = turns[best], view[best]
    found: list[tuple[float, Array, Array]] = []
    for scale in _SCALES + (_FAR_SCALES if reach_m > _FAR_M else ()):
        merit, t = _matched(model, last.t * scale, turns, view, reach_m, images, tone, 1)
        found += [(float(merit[k]), turns[k], t[k]) for k in range(len(turns)) if merit[k] > 0]
    found.sort(key=lambda one: -one[0])
    apart_m = _APART_PX / TEMPLATE_PX * model.mesh.diameter_m
    return [(turned_to(turn, place), place) for turn, place in _different(found, apart_m, most)]


def _matched(
    model: "ObjectModel", last_m: Array, R: Array, view: Array, reach_m: float, images: "FrameImages", tone: Array,
    every: int,
) -> tuple[Array, Array]:  # fmt: skip
    """(B,) best merits and (B, 3) places of hypotheses at the distance of ``last_m``, by every so manyth point."""
    z, templates = float(last_m[2]), model.templates
    image, corner, zoom = _window(model, last_m, reach_m, images)
    if min(image.shape[:2]) < TEMPLATE_PX:
        return np.full(len(R), -1.0), np.tile(last_m, (len(R), 1))
    points, looks = templates.points[:, ::every], templates.features[:, ::every]
    best = match_all(
        np.ascontiguousarray(points), np.ascontiguousarray(looks), -(-templates.inner // every), view, R, image,
        zoom * images.cam[0] / z, tone, _STRIDE_PX,
    )  # fmt: skip
    at = (best[:, 1:] + 0.5) / zoom - 0.5 + corner
    return best[:, 0], np.column_stack([(at - images.cam[2:]) / images.cam[:2] * z, np.full(len(at), z)])


def _turns(model: "ObjectModel", last: "Placement", angle_rad: float) -> tuple[Array, Array]:
    """(B, 3, 3) rotations as seen in the middle of the image, the last one first, and (B,) their views."""
    own = turned_to(last.R, last.t, back=True)
    traces = np.einsum("bij,ij->b", model.views.rotations, own)
    near = (traces - 1) / 2 >= np.cos(min(angle_rad, np.pi))
    own_view = int(np.argmax(directions() @ (own.T @ np.array([0.0, 0.0, -1.0]))))
    return np.concatenate([own[None], model.views.rotations[near]]), np.append(own_view, model.views.view[near])


def _window(model: "ObjectModel", at_m: Array, reach_m: float, images: "FrameImages") -> tuple[Array, Array, float]:
    """Features of the part of the frame within reach, (2,) the frame's pixel at its first one, and its zoom."""
    fx, fy, cx, cy = images.cam
    height, width = images.depth_m.shape
    zoom = min(1.0, TEMPLATE_PX / (fx * model.mesh.diameter_m / at_m[2]))
    u, v = fx * at_m[0] / at_m[2] + cx, fy * at_m[1] / at_m[2] + cy
    half = (reach_m + 0.7 * model.mesh.diameter_m) * fx / at_m[2]
    left, right = (int(x) for x in np.clip([u - half, u + half], 0, width))
    top, bottom = (int(y) for y in np.clip([v - half, v + half], 0, height))
    size = (int((right - left) * zoom), int((bottom - top) * zoom))
    if min(size) < 1:
        return np.zeros((0, 0, 3), np.float32), np.zeros(2), zoom
    part = images.level(0)[top:bottom, left:right]
    looks = features(cv2.resize(part, size, interpolation=cv2.INTER_AREA))
    looks[_still(images, (left, top, right, bottom), size)] = _NOTHING
    return looks, np.array([left, top], np.float64), zoom


def _still(images: "FrameImages", box: tuple[int, int, int, int], size: tuple[int, int]) -> Array:
    """(h, w) bool for a part of the frame (left, top, right, bottom) made ``size`` large: what stands still."""
    height, width = images.depth_m.shape
    rows, columns = images.known.shown.shape
    left, top, right, bottom = box
    x = ((np.arange(size[0]) + 0.5) * ((right - left) / size[0]) + left) * columns / width
    y = ((np.arange(size[1]) + 0.5) * ((bottom - top) / size[1]) + top) * rows / height
    return images.known.shown[np.ix_(y.astype(np.int64), x.astype(np.int64))] > 0


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
