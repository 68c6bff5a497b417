"""Observed pictures with the object drawn over them: any pose of it, for next to nothing where the networks are.

A made scene takes a core tens of milliseconds and shows its object from one side, and learning is held up by how few
sides a second are seen. So some of the poses of a batch look at the scene's picture with the object drawn over it at
yet another pose: under other light, with noise, gaps in its depth, and pieces of the scene left before it. What is less
real about these pictures is made up for by the others of the batch.
"""

import torch
from torch import Tensor, nn

from estimators.foundationpose.config import INPUT_PX
from estimators.foundationpose.observed import REFINER_NEAREST_M, normalised
from estimators.foundationpose.window import inverse

_LIGHT, _FIELD, _TINT = (
    0.35,
    0.3,
    0.12,
)  # spreads of the logarithm of brightness: of all, across the picture, of a colour
_NOISE, _NOISE_M, _NOISE_RADII = 0.05, 0.004, 0.08  # most of colour; most of depth, and in halves of the diameter
_BLURRED = 0.4
_LEAST_GAPS, _MOST_GAPS = 3.0, 0.9  # of a normal number that varies slowly: what is above is missing
_LEAST_HIDDEN, _MOST_HIDDEN = 4.0, 0.6


def observed_window(crop: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, 4) float32 left, top, right, bottom that ``CropRenderer.render`` draws as the refiner sees an image.

    Pixel p of a window is read at x = p's place in the image times size / (size - 1), less a half: see ``sampling``.

    Args:
        crop: (N, 3, 3) of ``crop_from_image``.
        size: Height and width of the image.
    """
    back = inverse(crop)
    stretch = torch.tensor([size[1] / (size[1] - 1), size[0] / (size[0] - 1)], device=crop.device)
    step = back[:, (0, 1), (0, 1)] * stretch
    first = back[:, :2, 2] * stretch - 0.5 - step / 2
    return torch.cat([first, first + INPUT_PX * step], dim=1)


def overdrawn(
    background: Tensor, drawn: Tensor, centers_m: Tensor, diameters_m: Tensor, generator: torch.Generator
) -> Tensor:
    """Pictures as ``RefineNet`` takes them.

    Args:
        background: (N, 6, 160, 160) observed, as ``RefineNet`` takes it.
        drawn: (N, 6, 160, 160) of ``CropRenderer.render``, the object in the same windows.
        centers_m: (N, 3) of the poses that are looked at.
        diameters_m: (N,).
        generator: On the device of the pictures; all that is random.
    """
    there = drawn[:, 5:] > 0
    hidden = _slow(len(drawn), 5, generator) > _uniform(len(drawn), _MOST_HIDDEN, _LEAST_HIDDEN, generator)
    there = there & ~hidden
    colour = torch.where(there, _lit(drawn[:, :3], generator), background[:, :3])
    blurred = nn.functional.avg_pool2d(colour, 3, 1, 1, count_include_pad=False)
    colour = torch.where(_uniform(len(drawn), 0, 1, generator) < _BLURRED, blurred, colour)
    points = normalised(_measured(drawn, diameters_m, generator), centers_m, diameters_m, REFINER_NEAREST_M)[:, 3:]
    return torch.cat([colour, torch.where(there, points, background[:, 3:])], dim=1)


def _lit(colour: Tensor, generator: torch.Generator) -> Tensor:
    """Under other light and by another camera."""
    count = len(colour)
    light = _LIGHT * _normal((count, 1, 1, 1), generator) + _TINT * _normal((count, 3, 1, 1), generator)
    lit = colour * torch.exp(light + _FIELD * _slow(count, 3, generator))
    noise = _uniform(count, 0, _NOISE, generator) * _normal(colour.shape, generator)
    return (lit + noise).clamp(0, 1)


def _measured(drawn: Tensor, diameters_m: Tensor, generator: torch.Generator) -> Tensor:
    """Moved along the rays, and with gaps."""
    count, z = len(drawn), drawn[:, 5:].clamp(min=REFINER_NEAREST_M)
    most_m = (_NOISE_RADII * diameters_m.float() / 2).clamp(max=_NOISE_M)[:, None, None, None]
    off_m = _uniform(count, 0, 1, generator) * most_m * (_slow(count, 40, generator) + _normal(z.shape, generator)) / 2
    gaps = _slow(count, 14, generator) > _uniform(count, _MOST_GAPS, _LEAST_GAPS, generator)
    return torch.cat([drawn[:, :3], drawn[:, 3:] * (1 + off_m / z) * ~gaps], dim=1)


def _slow(count: int, cells: int, generator: torch.Generator) -> Tensor:
    """(N, 1, 160, 160) normal numbers that vary over so many cells a side."""
    coarse = _normal((count, 1, cells, cells), generator)
    return nn.functional.interpolate(coarse, (INPUT_PX, INPUT_PX), mode="bicubic", align_corners=False)


def _normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device)


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """(N, 1, 1, 1) between the two, whichever is larger."""
    return low + (high - low) * torch.rand((count, 1, 1, 1), generator=generator, device=generator.device)
