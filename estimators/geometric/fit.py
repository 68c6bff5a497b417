"""One object against one frame: render, compare, move, twice; then say how well it fits."""

from dataclasses import dataclass

import cv2
import numpy as np

from estimators.geometric.align import refine
from estimators.geometric.covariance import Information, covariance_of
from estimators.geometric.declared import held, left_open
from estimators.geometric.light import shaded
from estimators.geometric.model import ObjectModel
from estimators.geometric.outline import NO_OUTLINE, find_outline, is_weak, without_turn
from estimators.geometric.pictures import (
    COARSE_CROP_PX,
    CROP_PX,
    Crop,
    FrameImages,
    crop_about,
    crop_around,
    local_contrast,
)
from estimators.geometric.score import Evidence, weigh
from estimators.geometric.spread import spread
from estimators.geometric.texture import NO_PLACES, NO_POINTS, consistent, found_again
from estimators.rendering import Renderer, Rendering
from schemas import Pose
from schemas.arrays import Array

# search radius, stride, sigma, robust scale in metres; sigmas are wide as neighbouring depths err together
_COARSE = np.array([[0.07, 0.009, 0.02, 0.05], [0.05, 0.008, 0.015, 0.03], [0.04, 0.006, 0.012, 0.02]])
_FINE = np.array([[0.03, 0.0075, 0.008, 0.01], [0.02, 0.005, 0.006, 0.01], [0.015, 0.00375, 0.006, 0.008]])
_DAMPING = np.diag(np.repeat([200.0, 5000.0], 3))
_SAMPLES, _FEWEST = 280, 20
_NEAREST_M, _FARTHEST_M = 0.05, 20.0
_PIXEL_SIGMA, _FEW_SIGMA, _PIXEL_CUT = 0.6, 2.0, 3.0  # of the crop
_MANY_CORNERS = 30  # that agree are no highlight or shadow; fewer are trusted less
_NEAR = np.ones((9, 9), np.uint8)
_MARGIN, _WIDE_MARGIN = 1.35, 1.8  # of what is drawn, where there is no depth: outlines are looked for in the rest


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """A pose of the object's centre: ``cam_from_centre``.

    Attributes:
        R: (3, 3) float64.
        t: (3,) float64, metres.
    """

    R: Array
    t: Array

    @staticmethod
    def of(cam_from_obj: Pose, center_m: Array) -> "Placement":
        """The same pose about another pivot."""
        # a copy that can be written, as all others are: kernels are compiled for one kind of array
        return Placement(cam_from_obj.rotation.copy(), cam_from_obj.apply(center_m))

    @property
    def view(self) -> Array:
        """(3,) unit direction from the centre to the camera, object's axes."""
        return self.R.T @ (-self.t / np.linalg.norm(self.t))

    def after(self, A: Array, b: Array | None = None) -> "Placement":
        """The object turned by A (3, 3) and shifted by b (3,), about its centre and along its own axes."""
        return Placement(self.R @ A, self.t if b is None else self.R @ b + self.t)

    def pose(self, center_m: Array) -> Pose:
        """cam_from_obj again."""
        return Pose(self.R, self.t - self.R @ center_m)


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
    look: "Look"
    information: Information
    model: ObjectModel

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


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What the object should look like from a placement, and what the frame shows there.

    Attributes:
        crop: The window of the frame.
        mask: (S, S) bool, where the object is drawn.
        depth_m: (S, S) float32 of the render.
        points: (N, 3) float64 about the centre, spread over what is drawn.
        normals: (N, 3) float64.
        rgb: (N, 3) uint8 of the render, in the light that is known.
        own_rgb: (N, 3) uint8 of the mesh itself.
        normal: (S, S, 3) float32 of the render, camera's frame.
        picture: (S, S, 3) uint8, the render.
        rendered: (S, S) uint8 local contrast of the render.
        observed: (S, S) uint8 local contrast of the frame.
        contrast: (N,) uint8, ``rendered`` at the points.
    """

    crop: Crop
    mask: Array
    depth_m: Array
    points: Array
    normals: Array
    rgb: Array
    own_rgb: Array
    normal: Array
    picture: Array
    rendered: Array
    observed: Array
    contrast: Array


def drawn_at(
    model: ObjectModel, placement: Placement, images: FrameImages, renderer: Renderer, size_px: int
) -> tuple[Crop, Rendering] | None:
    """The frame's window about an object and the object drawn in it; None where it is too near or too far away."""
    if not _NEAREST_M < placement.t[2] < _FARTHEST_M:
        return None
    if images.sees_depth:
        crop = crop_about(images, placement.t, model.mesh.diameter_m, size_px)
    else:
        margin = _MARGIN if size_px == CROP_PX else _WIDE_MARGIN
        crop = crop_around(images, model.surface.points @ placement.R.T + placement.t, size_px, margin)
    pose = np.eye(4)
    pose[:3, :3] = placement.R
    pose[:3, 3] = placement.t - placement.R @ model.center_m
    return crop, renderer.render(model.mesh, pose[None], crop.K, (size_px, size_px))


def look_at(
    model: ObjectModel, placement: Placement, images: FrameImages, renderer: Renderer, size_px: int = CROP_PX
) -> Look | None:
    """Render an object at a placement beside the frame's crop; None where nothing of it is in view."""
    pair = drawn_at(model, placement, images, renderer, size_px)
    if pair is None:
        return None
    crop, drawn = pair
    depth, normal, rgb = drawn.depth_m[0], drawn.normal[0], drawn.rgb[0]
    places, points, normals, colours = spread(depth, normal, rgb, crop.cam, placement.R, placement.t, _SAMPLES)
    if len(places) < _FEWEST:
        return None
    mask, lit = depth > 0, colours
    if not images.sees_depth:
        lit = shaded(rgb, normal, images.known.terms)[places[:, 0], places[:, 1]]
    rendered = local_contrast(rgb, model.mix, mask)
    near = cv2.dilate(mask.view(np.uint8), _NEAR).view(np.bool_)
    return Look(
        crop=crop,
        mask=mask,
        depth_m=depth,
        points=points,
        normals=normals,
        rgb=lit,
        own_rgb=colours,
        normal=normal,
        picture=rgb,
        rendered=rendered,
        observed=local_contrast(crop.rgb, model.mix, near),
        contrast=rendered[places[:, 0], places[:, 1]],
    )


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
