"""How well measured depth agrees with a rendered pose; needs no network and no training."""

import torch
from torch import Tensor

_INLIER_M, _INLIER_PER_M2 = 0.010, 0.008  # noise of depth cameras grows with the square of the distance
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
    limit = _INLIER_M + _INLIER_PER_M2 * rendered_m**2

    def count(where: Tensor) -> Tensor:
        return (known & where).sum(dim=(1, 2)).float()

    inlier, hidden, through = count(gap.abs() <= limit), count(gap < -limit), count(gap > limit)
    share = inlier / (inlier + through + _OCCLUDED * hidden).clamp(min=1.0)
    pixels, measured = drawn.sum(dim=(1, 2)), known.sum(dim=(1, 2))
    enough = (measured >= _LEAST_PX) & (measured >= _LEAST_KNOWN * pixels)
    return torch.where(enough, share, 0.0)
