"""What a memory holds, brought to the frame at hand, for frames without depth."""

import numpy as np

from estimators.geometric.backdrop import Backdrop, gain, moved, shown
from estimators.geometric.backdrop_grid import sampled
from estimators.geometric.colours import CELLS, smooth, unpacked
from estimators.geometric.known import NOTHING_KNOWN, Known
from estimators.geometric.light import PLAIN, Light
from estimators.geometric.memory import Memory
from estimators.geometric.pictures import FrameImages
from schemas.arrays import Array

_LIKELIEST = 50.0  # of a colour around, over any


def recalled(memory: Memory, images: FrameImages) -> Known:
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
