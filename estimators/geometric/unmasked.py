"""Finding objects of which no mask is known: among the things that stand on the scene's planes, or those in a box."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from estimators.crew import Crew
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.register import Registration, register
from estimators.geometric.score import Evidence
from estimators.geometric.segments import Segment, find_segments, points_of, shrunk
from estimators.geometric.supports import Plane, find_planes, supports
from estimators.rendering import Renderer
from schemas.arrays import Array, checked

_MOST = 8  # pieces that are tried for each object
_SUPPORT_DIAMETERS = 1.5  # a plane that reaches less far may be a side of the object
# of 26 objects in their scenes the least likeness was .38 and the largest tone .38; of 34 in scenes without them
# .27 at most, and a tone of .5 or more for those whose colour varies too little to be likened
_LIKENESS, _TONE = 0.32, 0.5
_IN_BOX = 0.6  # of a piece's pixels
_SAME_DIAMETERS = 0.3  # two objects cannot stand in one another


@dataclass(frozen=True, slots=True, eq=False)
class Find:
    """A piece of the scene registered as an object.

    Attributes:
        name: The object.
        worth: How well depth, outline and colours agree, times how much the piece has the mesh's colours.
        found: The registration.
        apart_m: Another object's centre cannot be nearer.
    """

    name: str
    worth: float
    found: Registration
    apart_m: float


def find_unmasked(
    models: Mapping[str, ObjectModel], images: FrameImages, renderer: Renderer, crew: Crew
) -> dict[str, Registration]:
    """Objects that are in a frame, wherever they are; equal ones are shared out, the most alike first.

    Args:
        models: What is looked for, by name.
        images: The frame, with depth.
        renderer: What draws.
        crew: Works on the pieces.

    Returns:
        Registrations by name; what was not found is left out.
    """
    planes = _planes(images)
    pieces = [(name, piece) for name, model in models.items() for piece in _pieces(model, images, planes)]

    def tried(asked: tuple[str, Segment]) -> Find | None:
        name, piece = asked
        found = register(models[name], piece.mask, images, renderer)
        if found is None or not _has_its_colours(found.fit.evidence):
            return None
        apart_m = _SAME_DIAMETERS * models[name].mesh.diameter_m
        return Find(name, found.rank * piece.likeness, found, apart_m)

    finds = [one for one in crew.each(tried, pieces) if one is not None]
    return _shared_out(sorted(finds, key=lambda one: -one.worth))


def is_box(mask: Array) -> bool:
    """Whether a mask (H, W) fills a rectangle: somebody drew it, and what is behind the object is in it, too."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return False
    return bool(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all())


def find_in_box(model: ObjectModel, box: Array, images: FrameImages, renderer: Renderer) -> Registration | None:
    """The best of what stands in a box, and of the box taken for a mask.

    Args:
        model: The object.
        box: (H, W) bool, see ``is_box``.
        images: The frame, with depth.
        renderer: What draws.
    """
    inside = [piece.mask & box for piece in _pieces(model, images, _planes(images)) if box[piece.mask].mean() > _IN_BOX]
    masks = [checked("mask", mask, mask.shape, np.bool_) for mask in (*inside, box)]
    found = [one for mask in masks if (one := register(model, mask, images, renderer)) is not None]
    return max(found, key=lambda one: one.rank, default=None)


def _has_its_colours(evidence: Evidence) -> bool:
    """Whether it may be the object, of which the mesh alone is known; any box fits a box of that size."""
    return evidence.likeness >= _LIKENESS * evidence.telling and float(np.hypot(*evidence.tone)) < _TONE


def _planes(images: FrameImages) -> list[Plane]:
    return find_planes(points_of(shrunk(images.depth_m), images.cam))


def _pieces(model: ObjectModel, images: FrameImages, planes: list[Plane]) -> list[Segment]:
    taken = supports(planes, shrunk(images.depth_m).shape, _SUPPORT_DIAMETERS * model.mesh.diameter_m)
    return find_segments(model, np.zeros(3), np.inf, images, _MOST, without=taken)


def _shared_out(finds: list[Find]) -> dict[str, Registration]:
    taken: dict[str, Find] = {}
    for one in finds:
        place = one.found.fit.placement.t
        free = all(
            np.linalg.norm(place - other.found.fit.placement.t) > max(one.apart_m, other.apart_m)
            for other in taken.values()
        )
        if one.name not in taken and free:
            taken[one.name] = one
    return {name: one.found for name, one in taken.items()}
