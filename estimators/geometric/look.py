"""What an object should look like from a placement, beside what the frame shows there."""

from dataclasses import dataclass

import cv2
import numpy as np

from estimators.geometric.light import shaded
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import CROP_PX, Crop, FrameImages, crop_about, crop_around, local_contrast
from estimators.geometric.placement import Placement
from estimators.geometric.spread import spread
from estimators.rendering import Renderer, Rendering
from schemas.arrays import Array

_SAMPLES, _FEWEST = 280, 20
_NEAREST_M, _FARTHEST_M = 0.05, 20.0
_NEAR = np.ones((9, 9), np.uint8)
_MARGIN, _WIDE_MARGIN = 1.35, 1.8  # of what is drawn, where there is no depth: outlines are looked for in the rest


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
    pose = np.zeros((1, 4, 4), np.float32)
    pose[0, :3, :3] = placement.R
    pose[0, :3, 3] = placement.t - placement.R @ model.center_m
    pose[0, 3, 3] = 1.0
    return crop, renderer.render(model.mesh, pose, crop.K, (size_px, size_px))


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
