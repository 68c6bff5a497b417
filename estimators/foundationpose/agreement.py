"""How well measured depth agrees with a rendered pose; needs no network and no training."""

import torch
from torch import Tensor

INLIER_M, INLIER_PER_M2 = 0.010, 0.008
"""How far apart measured and drawn may be; noise of depth cameras grows with the square of the distance."""
_OCCLUDED = 0.25  # what is hidden speaks a little against a pose, what the camera sees through speaks fully
_LEAST_KNOWN = 0.05  # of what is drawn
_LEAST_PX = 30


def agreement_of(rendered_m: Tensor, observed_m: Tensor) -> Tensor:
    """Shares of poses' surfaces that are measured where they are drawn.

    Measured within 1 cm + 0.8 cm / m^2 z^2 counts for a pose, farther away against it, nearer (hidden) a quarter
    against it, and unknown depth not at all.

    Args:
        rendered_m: (N, h, w) depth of the surface at each pose, 0 where nothing is drawn.
        observed_m: (N, h, w) measured depth in the same windows, 0 where unknown.

    Returns:
        (N,) float32 from 0 to 1; 0 where nearly nothing is drawn or measured.
    """
    drawn = rendered_m > 0
    known = drawn & (observed_m > 0)
    gap = observed_m - rendered_m
    limit = INLIER_M + INLIER_PER_M2 * rendered_m**2
    kinds = [drawn, known, known & (gap.abs() <= limit), known & (gap < -limit), known & (gap > limit)]
    return share_of(torch.stack([kind.sum(dim=(1, 2)) for kind in kinds], dim=1))


def share_of(tally: Tensor) -> Tensor:
    """The same of counted pixels (N, 5): drawn, measured of these, and of those inlier, hidden, seen through."""
    drawn, known, inlier, hidden, through = tally.float().unbind(1)
    share = inlier / (inlier + through + _OCCLUDED * hidden).clamp(min=1.0)
    enough = (known >= _LEAST_PX) & (known >= _LEAST_KNOWN * drawn)
    return share * enough
