"""One object against one frame: render, compare, move, twice; then say how well it fits."""

from dataclasses import dataclass

import numpy as np

from estimators.geometric.align import refine
from estimators.geometric.covariance import Information, covariance_of
from estimators.geometric.declared import held, left_open
from estimators.geometric.look import Look, look_at
from estimators.geometric.model import ObjectModel
from estimators.geometric.outline import NO_OUTLINE, find_outline, is_weak, without_turn
from estimators.geometric.pictures import COARSE_CROP_PX, CROP_PX, FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.score import Evidence, weigh
from estimators.geometric.texture import NO_PLACES, NO_POINTS, consistent, found_again
from estimators.rendering import Renderer
from schemas.arrays import Array

# search radius, stride, sigma, robust scale in metres; sigmas are wide as neighbouring depths err together
_COARSE = np.array([[0.07, 0.009, 0.02, 0.05], [0.05, 0.008, 0.015, 0.03], [0.04, 0.006, 0.012, 0.02]])
_FINE = np.array([[0.03, 0.0075, 0.008, 0.01], [0.02, 0.005, 0.006, 0.01], [0.015, 0.00375, 0.006, 0.008]])
_DAMPING = np.diag(np.repeat([200.0, 5000.0], 3))
_PIXEL_SIGMA, _FEW_SIGMA, _PIXEL_CUT = 0.6, 2.0, 3.0  # of the crop
_ARM = 0.33  # of the diameter
_MANY_CORNERS = 30  # that agree are no highlight or shadow; fewer are trusted less


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A refined placement and what speaks for it.

    Attributes:
        placement: Where the object is.
        evidence: How depth and colour agree with it.
        corners: Corners of the texture that were found in the image in the last pass.
        look: The picture that the last pass started from.
        information: What the last step knew.
        model: The object.
    """

    placement: Placement
    evidence: Evidence
    corners: int
    look: Look
    information: Information
    model: ObjectModel

    @property
    def points(self) -> Array:
        """(N, 3) float64 of its surface as it was drawn, in the camera's frame."""
        return self.look.points @ self.placement.R.T + self.placement.t

    @property
    def noise(self) -> Array:
        """(6, 6) float64 covariance of a turn (radians) and a shift (metres), object's frame, by noise alone."""
        return covariance_of(self.information.whole, self.placement, self.model.center_m)

    @property
    def covariance(self) -> Array:
        """(6, 6) float64, the same with errors of sensor and mesh that show as a conflict of depth and picture.

        Turns about declared axes are left open.
        """
        return left_open(self.information.inflation * self.noise, self.model.free)

    def way_m(self, other: Placement) -> float:
        """How far a point a third of the diameter from the centre is from where another placement has it, at most."""
        return self.placement.way_m(other, _ARM * self.model.mesh.diameter_m)


def fit(
    model: ObjectModel,
    start: Placement,
    images: FrameImages,
    renderer: Renderer,
    *,
    coarse: bool = True,
    texture: bool = True,
) -> Fit | None:
    """Refine a placement; None where nothing of the object is in view.

    Args:
        model: The object.
        start: Where it may be.
        images: The frame.
        renderer: What draws.
        coarse: A wide pass first, for up to 7 cm; else only a fine one, for up to 3 cm.
        texture: Use the mesh's colours; without, depth alone moves the placement.
    """
    if coarse:
        near = approached(model, start, images, renderer, texture=texture)
        if near is None:
            return None
        start = near
    looked = _pass(model, start, images, renderer, _FINE, texture=texture)
    if looked is None:
        return None
    look, placement, information, (points, places) = looked
    if not np.isfinite(placement.t).all():
        return None
    corners = consistent(points, places, placement, images, look.crop.zoom)
    return Fit(placement, weigh(look, placement, images), corners, look, information, model)


def approached(
    model: ObjectModel, start: Placement, images: FrameImages, renderer: Renderer, *, texture: bool = True
) -> Placement | None:
    """Where the wide pass of a ``fit`` leads to; None where nothing of the object is in view."""
    looked = _pass(model, start, images, renderer, _COARSE, texture=texture)
    return None if looked is None else looked[1]


def _pass(
    model: ObjectModel, start: Placement, images: FrameImages, renderer: Renderer, plan: Array, *, texture: bool
) -> tuple[Look, Placement, Information, tuple[Array, Array]] | None:
    """One look and the step from there: the look, the placement, the information about it, and the texture found."""
    look = look_at(model, start, images, renderer, COARSE_CROP_PX if plan is _COARSE else CROP_PX)
    if look is None:
        return None
    textured = texture and model.textured and model.parts.texture
    found = found_again(look, start, images) if textured else (NO_POINTS, NO_PLACES)
    placement, information = _moved(model, look, start, found, images, plan)
    return look, placement, information, found


def _moved(
    model: ObjectModel, look: Look, placement: Placement, found: tuple[Array, Array], images: FrameImages, plan: Array
) -> tuple[Placement, Information]:
    """The placement after one pass and the information about it; the wide one needs only every third point."""
    texture, places = found
    every = 3 if plan is _COARSE else 1
    points, normals = np.ascontiguousarray(look.points[::every]), np.ascontiguousarray(look.normals[::every])
    R, t, whole, by_depth = placement.R.copy(), placement.t.copy(), np.zeros((6, 6)), np.zeros((7, 6))
    sigma = min(_FEW_SIGMA, _PIXEL_SIGMA * max(1.0, _MANY_CORNERS / max(1, len(texture))))
    trust = np.array([sigma, _PIXEL_CUT]) / look.crop.zoom
    seen, damping = (images.depth_m, images.cam), _DAMPING + held(placement.R, model.free)
    refine(points, normals, texture, places, NO_OUTLINE, R, t, *seen, plan, trust, damping, whole, by_depth)
    if plan is _FINE and model.parts.region and is_weak(whole, R, model):
        outline = find_outline(look, placement, images)
        before = whole.copy()
        refine(points, normals, texture, places, outline, R, t, *seen, plan[-1:], trust, damping, whole, by_depth)
        whole = without_turn(whole, before, R, model)
    return Placement(R, t), Information(whole, by_depth[:6], by_depth[6])
