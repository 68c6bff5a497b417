"""What earlier frames told of an object and of what is around it, for frames without depth."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from estimators.geometric.backdrop import GRID, Backdrop, gain, moved, sampled, shown
from estimators.geometric.colours import CELLS, blended, histogram, packed, smooth, unpacked
from estimators.geometric.light import PLAIN, Light
from schemas.arrays import Array

if TYPE_CHECKING:
    from estimators.geometric.look import Look
    from estimators.geometric.memory import Memory
    from estimators.geometric.pictures import FrameImages

_APART = np.ones((9, 9), np.uint8)
_LEAST_PIXELS = 60
_LIKELIEST = 50.0  # of a colour around, over any


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is remembered of one object, brought to the frame at hand.

    Attributes:
        around: (4096,) float32 shares of the colours that surround it; None where nothing is known.
        density: (4096,) float32 how likely each cell of colour is without the object, over any.
        light: What was learned of the light; None where nothing is known.
        terms: (9,) float64 of that light, see ``Light.terms``.
        tone: (2,) float64 by how much the image's logarithms of red and blue over green differ from the mesh's.
        backdrop: What stands still; None where nothing is known, or the camera moves.
        gain: How much brighter the frame is than the backdrop.
        shown: (120, 160) uint8, see ``backdrop.shown``; 0 without a backdrop.
    """

    around: Array | None
    density: Array
    light: Light | None
    terms: Array
    tone: Array
    backdrop: Backdrop | None
    gain: float
    shown: Array


NOTHING_KNOWN = Known(None, np.ones(CELLS, np.float32), None, PLAIN, np.zeros(2), None, 1.0, np.zeros(GRID, np.uint8))
"""Before the first trusted frame."""


def recalled(memory: "Memory", images: "FrameImages") -> Known:
    """What a memory holds, compared with a frame."""
    light, backdrop, around = Light.unpack(memory.light), Backdrop.unpack(memory.backdrop), unpacked(memory.around)
    own = (around, _density(around), light, PLAIN if light is None else light.terms, memory.tone)
    if backdrop is not None:
        small = sampled(images)
        if not moved(backdrop, small):
            level = gain(backdrop, small)
            return Known(*own, backdrop, level, shown(backdrop, small, level))
    return Known(*own, None, 1.0, NOTHING_KNOWN.shown)


def _density(around: Array | None) -> Array:
    """(4096,) float32, half what surrounds the object and half anything."""
    if around is None:
        return NOTHING_KNOWN.density
    return np.float32(0.5) * np.minimum(smooth(around) * np.float32(CELLS), np.float32(_LIKELIEST)) + np.float32(0.5)


def surroundings(look: "Look", images: "FrameImages", before: Array | None) -> bytes:
    """The colours around an object, packed, after a frame with a trusted pose."""
    around = cv2.dilate(look.mask.astype(np.uint8), _APART) == 0
    around &= look.crop.in_frame(images.depth_m.shape)
    if around.sum() < _LEAST_PIXELS:
        return b"" if before is None else packed(before)
    return packed(blended(before, histogram(look.crop.rgb[around])))
