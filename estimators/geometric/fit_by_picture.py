"""Refining a placement by the colour image alone, where there is no depth."""

from dataclasses import replace

import cv2
import numpy as np

from estimators.geometric.backdrop import STILL_FRONT
from estimators.geometric.backdrop_grid import grid_in
from estimators.geometric.contour import SMOOTH_PX, find_contour, inner_colours
from estimators.geometric.covariance import Information
from estimators.geometric.fit import Fit
from estimators.geometric.light import shaded
from estimators.geometric.likelihood import sight_of
from estimators.geometric.look import Look, look_at
from estimators.geometric.model import ObjectModel
from estimators.geometric.picture_score import weigh_by_picture
from estimators.geometric.pictures import COARSE_CROP_PX, CROP_PX, FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.refine_by_picture import Corners, Held, Outline, refine_by_picture, texture_information
from estimators.geometric.shading import NO_SHADING, shading_of, textured
from estimators.geometric.texture import NO_PLACES, NO_POINTS, consistent, found_again
from estimators.geometric.tint import tints
from estimators.rendering import Renderer
from schemas.arrays import Array

# length of a segment, robust scales of outline and corners, pixels of the crop, brightness of every pixel; where there
# is enough texture it goes first, so that the edge of something in front is not taken for the outline
_WIDE = np.array([[5.0, 16.0, 20.0, 0.0], [3.0, 10.0, 8.0, 1.0], [2.0, 6.0, 4.0, 1.0]])
_WIDE_TEXTURED = np.array([[0.0, 1.0, 20.0, 0.0], [0.0, 1.0, 6.0, 1.0], [2.0, 6.0, 4.0, 1.0]])
_CLOSE = np.array([[2.0, 5.0, 8.0, 1.0], [1.0, 3.0, 4.0, 1.0], [1.0, 2.0, 3.0, 1.0]])
_TEXTURED_CORNERS = 15
_TURN_SIGMA, _ACROSS_SIGMA, _ALONG_SIGMA = np.radians(6.0), 0.02, 0.02  # of a placement that is merely tried
_PIXEL_SIGMA, _FEW_SIGMA = 0.8, 2.0  # of the crop
_MANY_CORNERS = 30
_NEAR = np.ones((5, 5), np.uint8)


def fit_by_picture(
    model: ObjectModel,
    start: Placement,
    images: FrameImages,
    renderer: Renderer,
    *,
    coarse: bool = True,
    held: Held | None = None,
) -> Fit | None:
    """Refine a placement; None where nothing of the object is in view.

    Args:
        model: The object.
        start: Where it may be.
        images: The frame.
        renderer: What draws.
        coarse: A wide pass first; else only a close one.
        held: What is known of the pose beforehand; without, it is held loosely near where each pass starts.
    """
    placement, looked = start, None
    for wide in (True, False) if coarse else (False,):
        look = look_at(model, placement, images, renderer, COARSE_CROP_PX if wide else CROP_PX)
        if look is None:
            return None
        has_texture = model.textured and model.parts.texture
        texture = found_again(look, placement, images) if has_texture else (NO_POINTS, NO_PLACES)
        placement, information = _moved(model, look, placement, texture, images, held, wide=wide)
        looked = (look, texture, information)
    if looked is None or not np.isfinite(placement.t).all():
        return None
    look, texture, information = looked
    corners = consistent(*texture, placement, images, look.crop.zoom)
    evidence = replace(weigh_by_picture(look, placement, images), corners=corners)
    return Fit(placement, evidence, corners, look, information, model)


def _moved(
    model: ObjectModel,
    look: Look,
    placement: Placement,
    texture: tuple[Array, Array],
    images: FrameImages,
    held: Held | None,
    *,
    wide: bool,
) -> tuple[Placement, Information]:
    """The placement after one pass, and what it knew."""
    R, t, aside = placement.R.copy(), placement.t.copy(), _aside(look, images)
    information, by_texture = np.zeros((6, 6)), np.zeros((6, 6))
    plan = (_WIDE_TEXTURED if len(texture[0]) >= _TEXTURED_CORNERS else _WIDE) if wide else _CLOSE
    if not model.parts.region:
        plan = plan * [0.0, 1.0, 1.0, 1.0]
    known = images.known.light is not None
    shading = shading_of(look, placement, images.known.terms, aside > 0) if known else NO_SHADING
    outline, held = _outline(look, placement, images, aside), held or held_loosely(placement)
    corners = _corners(texture, look, images)
    refine_by_picture(outline, corners, shading, R, t, look.crop.cam, plan, held, information)
    texture_information(corners, textured(shading), R, t, look.crop.cam, float(plan[-1, 2]), by_texture)
    return Placement(R, t), Information(information, np.zeros((6, 6)), np.zeros(6), by_texture)


def held_loosely(placement: Placement) -> Held:
    """What is known of a pose that is merely tried."""
    ray = placement.t / np.linalg.norm(placement.t)
    across, along = 1 / _ACROSS_SIGMA**2, 1 / _ALONG_SIGMA**2
    information = np.zeros((6, 6))
    information[:3, :3] = np.eye(3) / _TURN_SIGMA**2
    information[3:, 3:] = across * np.eye(3) + (along - across) * np.outer(ray, ray)
    return Held(placement.R.copy(), placement.t.copy(), information)


def _aside(look: Look, images: FrameImages) -> Array:
    """(S, S) uint8, what the crop shows of what stands still, see ``backdrop.shown``."""
    size = look.mask.shape[::-1]
    return cv2.warpAffine(images.known.shown, grid_in(look.crop.crop_from_frame, images), size, flags=cv2.INTER_NEAREST)


def _corners(texture: tuple[Array, Array], look: Look, images: FrameImages) -> Corners:
    """Corners of the texture in pixels of the crop; few are trusted less."""
    points, places = texture
    sigma_px = min(_FEW_SIGMA, _PIXEL_SIGMA * max(1.0, _MANY_CORNERS / max(1, len(points))))
    places = (places - images.K[:2, 2]) * look.crop.zoom + look.crop.K[:2, 2]
    return Corners(points, np.ascontiguousarray(places), sigma_px)


def _outline(look: Look, placement: Placement, images: FrameImages, aside: Array) -> Outline:
    """Lines across the outline but where something stands in front of it."""
    front = cv2.dilate((aside == STILL_FRONT).astype(np.uint8), _NEAR) > 0
    contour, sight = find_contour(look, placement, SMOOTH_PX, front), sight_of(look.crop, images)
    lit = shaded(look.picture, look.normal, images.known.terms)
    inner = tints(inner_colours(contour, look, lit).astype(np.float32))
    inner[..., :2] += images.known.tone.astype(np.float32)
    lines = (contour.points, contour.normals, contour.reach_px)
    return Outline(*lines, sight.tints, sight.without, sight.hidden, inner, aside)
