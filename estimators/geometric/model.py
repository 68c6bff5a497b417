"""An object made ready for tracking and registration."""

import logging
from dataclasses import dataclass, replace

import numpy as np

from estimators.geometric.declared import free_turns
from estimators.geometric.likeness import shape_turns
from estimators.geometric.parts import Parts
from estimators.geometric.pictures import best_mix
from estimators.geometric.surface import Surface, crowded, find_axis, sample
from estimators.geometric.sweep import Wheel, make_wheel
from estimators.geometric.templates import Templates, make_templates
from estimators.geometric.tint import relief_of
from estimators.geometric.views import Views, different, make_views
from estimators.mesh import Mesh
from estimators.rendering import Renderer
from schemas import JobObject
from schemas.arrays import Array

_LOG = logging.getLogger("posestream.estimators")
_BACK_SHARE = 3e-3  # of a picture: a few pixels, as closed meshes have at creases
_VIEW_POINTS = 100
_SURFACE_POINTS = 1800
_PLAIN = 0.02  # of relief: a plain mesh has no corners to find, and no colours to tell one side from another
_CROWD, _WHEEL_POINTS = 4000, (500, 200)  # a handle is a small part, and all that tells the turn


@dataclass(frozen=True, slots=True, eq=False)
class ObjectModel:
    """A mesh and what is worked out from it once.

    Attributes:
        item: The object as the job names it.
        mesh: Its mesh.
        views: What it shows to each side.
        center_m: (3,) float64, the pivot of all steps: the middle of the box, in the object's frame.
        turns: (G, 3, 3) turns about the centre that depth cannot tell apart, the identity first; those that a
            declared symmetry makes equal are left out.
        free: (A, 6) float64, see ``declared.free_turns``: about these axes any turn is as good.
        mix: (1, 3) float32, the mix of colours with most contrast.
        textured: Whether the mesh has colours worth comparing.
        surface: Points spread over the mesh.
        wheel: Its axis of near-symmetry, ready to turn about; None where it has none or a declared symmetry.
        templates: Small pictures of it as points, to look for it in the colour image.
        parts: What of the estimator is at work.
    """

    item: JobObject
    mesh: Mesh
    views: Views
    center_m: Array
    turns: Array
    free: Array
    mix: Array
    textured: bool
    surface: Surface
    wheel: Wheel | None
    templates: Templates
    parts: Parts

    @property
    def unseen(self) -> Array:
        """(A, 3) float64 unit axes, object's frame, about which no outline shows a turn."""
        axes = self.free[:, :3] if self.wheel is None else self.wheel.axis.direction[None]
        return np.array(axes, order="C")


def make_model(item: JobObject, mesh: Mesh, renderer: Renderer, parts: Parts | None = None) -> ObjectModel:
    """Draw an object's views; about 50 ms."""
    views = make_views(mesh, item.symmetries, renderer, _VIEW_POINTS)
    mesh = _culled(mesh, views)
    turns = shape_turns(mesh)
    turns = turns[different(turns, item.symmetries)]
    surface = sample(mesh, _SURFACE_POINTS)
    textured = relief_of(surface.tints) > _PLAIN
    axis = None if item.symmetries.continuous else find_axis(surface, mesh.diameter_m)
    wheel = None if axis is None else make_wheel(*crowded(sample(mesh, _CROWD), axis, mesh.diameter_m, *_WHEEL_POINTS))
    mix = best_mix(views.rgb, views.mask)
    templates = make_templates(views, mesh.diameter_m)
    free = free_turns(item.symmetries)
    return ObjectModel(
        item,
        mesh,
        views,
        mesh.center_m,
        turns,
        free,
        mix,
        textured,
        surface,
        wheel,
        templates,
        parts or Parts(),
    )


def _culled(mesh: Mesh, views: Views) -> Mesh:
    """The mesh, as a closed one where no view shows the back of a face.

    Parts that are stuck into others (a handle, a beak) are often left open where nobody sees it, and to draw their
    backs would take twice as long.
    """
    if mesh.closed:
        return mesh
    if views.back_share < _BACK_SHARE:
        return replace(mesh, closed=True)
    _LOG.warning("mesh %s is open, or not wound one way: drawn from both sides, slower", mesh.name)
    return mesh
