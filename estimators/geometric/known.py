"""What earlier frames told of an object and of what is around it, for frames without depth."""

from dataclasses import dataclass

import numpy as np

from estimators.geometric.backdrop import GRID, Backdrop
from estimators.geometric.colours import CELLS
from estimators.geometric.light import PLAIN, Light
from schemas.arrays import Array


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
