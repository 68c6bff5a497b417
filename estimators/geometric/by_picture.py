"""Moving an object and learning its colours from the colour image alone, where there is no depth."""

from typing import TYPE_CHECKING

import cv2
import numpy as np

from estimators.geometric.colours import CELLS, Colours, cells, histogram, learned, log_odds, smooth
from estimators.geometric.contour import find_contour, inner_colours
from estimators.geometric.dense import dense_of
from estimators.geometric.refine_by_picture import Corners, Outline, refine_by_picture
from schemas.arrays import Array

if TYPE_CHECKING:
    from estimators.geometric.fit import Look, Placement
    from estimators.geometric.model import ObjectModel
    from estimators.geometric.pictures import Crop, FrameImages

# length of a segment, robust scales of outline and corners, pixels of the frame, every pixel; where there is enough
# texture it goes first, so that the edge of something in front is not taken for the outline
_WIDE = np.array([[5.0, 16.0, 20.0, 0.0], [3.0, 10.0, 8.0, 1.0], [2.0, 6.0, 4.0, 1.0]])
_WIDE_TEXTURED = np.array([[0.0, 1.0, 20.0, 0.0], [0.0, 1.0, 6.0, 1.0], [2.0, 6.0, 4.0, 1.0]])
_CLOSE = np.array([[2.0, 5.0, 8.0, 1.0], [1.0, 3.0, 4.0, 1.0], [1.0, 2.0, 3.0, 1.0]])
_WIDE_BLUR_PX, _CLOSE_BLUR_PX = 1.5, 1.0
_TEXTURED_CORNERS = 15
_TURN_SIGMA, _ACROSS_SIGMA, _ALONG_SIGMA = np.radians(6.0), 0.02, 0.02  # of what motion predicts
_PIXEL_SIGMA, _FEW_SIGMA = 0.8, 2.0  # of the crop
_MANY_CORNERS = 30
_APART = np.ones((9, 9), np.uint8)
_INNER = np.ones((5, 5), np.uint8)
_LEAST_PIXELS = 60
_NOW = 0.5  # weight of the surroundings of this moment against those remembered


def moved_by_picture(
    model: "ObjectModel",
    look: "Look",
    placement: "Placement",
    texture: tuple[Array, Array],
    images: "FrameImages",
    *,
    wide: bool,
) -> tuple[Array, Array, Array]:
    """Rotation and translation after one pass by outline and texture, and the information about them.

    Args:
        model: The object.
        look: It drawn at ``placement``.
        placement: Where it may be.
        texture: (M, 3) points about the centre and (M, 2) pixels of the frame where they were found.
        images: The frame.
        wide: For a first pass, from farther away.
    """
    R, t, information = placement.R.copy(), placement.t.copy(), np.zeros((6, 6))
    sigma = min(_FEW_SIGMA, _PIXEL_SIGMA * max(1.0, _MANY_CORNERS / max(1, len(texture[0]))))
    plan = (_WIDE_TEXTURED if len(texture[0]) >= _TEXTURED_CORNERS else _WIDE) if wide else _CLOSE
    prior = 1 / np.array([_TURN_SIGMA, _ACROSS_SIGMA, _ALONG_SIGMA]) ** 2
    corners = Corners(*texture, sigma / look.crop.zoom)
    dense = dense_of(look, placement, _WIDE_BLUR_PX if wide else _CLOSE_BLUR_PX)
    outline = _outline(model, look, placement, images)
    if not model.parts.region:
        plan = plan * [0.0, 1.0, 1.0, 1.0]
    refine_by_picture(outline, corners, dense, R, t, images.cam, plan, prior, information)
    return R, t, information


def _outline(model: "ObjectModel", look: "Look", placement: "Placement", images: "FrameImages") -> Outline:
    contour = find_contour(look, placement)
    inside, outside = colours_about(model, look.crop, look.mask, images)
    mix = model.palette.mix(inner_colours(contour, look))
    return Outline(contour.points, contour.normals, contour.reach_px, images.level(0), inside, mix, outside)


def colours_about(model: "ObjectModel", crop: "Crop", mask: Array, images: "FrameImages") -> tuple[Array, Array]:
    """(4096, K) shares of cells in each of the object's colours and (4096,) in what surrounds it, there and now."""
    known, near = images.seen, surroundings(crop, mask, images)
    inside = model.palette.seen(None if known is None else known.inside)
    if near is None:
        near = np.full(CELLS, 1 / CELLS, np.float32) if known is None else known.outside
    outside = near if known is None else np.float32(_NOW) * near + np.float32(1 - _NOW) * known.outside
    return inside, smooth(outside)


def odds_of(model: "ObjectModel", crop: "Crop", mask: Array, images: "FrameImages") -> Array:
    """(S, S) log-odds that a pixel of a crop is the object's, drawn in ``mask``; 0 outside of the frame."""
    inside, outside = colours_about(model, crop, mask, images)
    odds = log_odds(inside.max(axis=1), outside)
    picture = odds[cells(crop.rgb.reshape(-1, 3))].reshape(mask.shape)
    return np.where(in_frame(crop, images), picture, np.float32(0))


def surroundings(crop: "Crop", mask: Array, images: "FrameImages") -> Array | None:
    """(4096,) shares of the colours around what is drawn in a crop; None where nothing of the frame is there."""
    around = cv2.dilate(mask.astype(np.uint8), _APART) == 0
    around &= in_frame(crop, images)
    return histogram(crop.rgb[around]) if around.sum() >= _LEAST_PIXELS else None


def in_frame(crop: "Crop", images: "FrameImages") -> Array:
    """(S, S) bool, pixels of the crop that show some of the frame."""
    size, height, width = crop.rgb.shape[0], *images.depth_m.shape
    pixels = np.arange(size)
    (zoom, _, left), (_, _, top) = crop.crop_from_frame
    columns, rows = (pixels - left) / zoom, (pixels - top) / zoom
    return ((rows >= 0) & (rows <= height - 1))[:, None] & ((columns >= 0) & (columns <= width - 1))[None]


def seen_after(look: "Look", images: "FrameImages") -> Colours | None:
    """What is known of an object after a frame with a trusted pose; None where the frame shows too little."""
    inner = cv2.erode(look.mask.astype(np.uint8), _INNER, borderValue=0) > 0
    inner &= in_frame(look.crop, images)
    near, before = surroundings(look.crop, look.mask, images), images.seen
    if near is None or inner.sum() < _LEAST_PIXELS:
        return before
    return learned(before, histogram(look.crop.rgb[inner]), near)
