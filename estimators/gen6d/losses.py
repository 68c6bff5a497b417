"""The losses that Gen6D's networks are trained by, for those who train weights of their own."""

import torch
from torch import Tensor
from torch.nn import functional

from estimators.gen6d.detector import STRIDE_PX

SCORE_CELLS, BOX_CELLS = 1.0, 1.5
"""Cells about the true one that count as the object, for the score and for size and offset."""
_SCORE_LEAST, _BOX_LEAST = 1e-3, 1e-4


def score_loss(scores: Tensor, centers: Tensor) -> Tensor:
    """(B,) of the detector's score: cells near the centre and all others count alike.

    Args:
        scores: (B, 1, h, w) logits.
        centers: (B, 2) true x and y, pixels.
    """
    near = (_cells_from(scores, centers)[1] < SCORE_CELLS).float()
    loss = functional.binary_cross_entropy_with_logits(scores[:, 0], near, reduction="none")
    means = [_mean(loss, part, _SCORE_LEAST) for part in (near, 1 - near)]
    return (means[0] + means[1]) / 2


def box_losses(offsets: Tensor, scales: Tensor, centers: Tensor, scale_r2q: Tensor) -> tuple[Tensor, Tensor]:
    """(B,) each, of the detector's scale and of its offset, over cells near the centre.

    Args:
        offsets: (B, 2, h, w) cells.
        scales: (B, 1, h, w) log2.
        centers: (B, 2) true x and y, pixels.
        scale_r2q: (B,) true.
    """
    wanted, distance = _cells_from(scales, centers)
    near = (distance < BOX_CELLS).float()
    by_scale = (scales[:, 0] - scale_r2q.log2()[:, None, None]) ** 2
    by_offset = ((offsets - wanted) ** 2).sum(dim=1)
    return _mean(by_scale, near, _BOX_LEAST), _mean(by_offset, near, _BOX_LEAST)


def _cells_from(maps: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    """From each cell of maps (B, ., h, w) to the centre: (B, 2, h, w), and how far that is: (B, h, w)."""
    height, width = maps.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    cells = torch.stack([x, y]).to(centers)
    wanted = ((centers + 0.5) / STRIDE_PX - 0.5)[:, :, None, None] - cells
    return wanted, wanted.norm(dim=1)


def _mean(values: Tensor, weights: Tensor, least: float) -> Tensor:
    return (values * weights).sum(dim=(1, 2)) / (weights.sum(dim=(1, 2)) + least)


def view_loss(logits: Tensor, cosines: Tensor) -> Tensor:
    """(B,) of the selector's logits (B, R) by how near references look from (B, R): each row spread over 0 to 1."""
    low, high = cosines.amin(dim=1, keepdim=True), cosines.amax(dim=1, keepdim=True)
    wanted = (cosines - low) / (high - low)
    return functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean(dim=1)


def angle_loss(angles: Tensor, nearest: Tensor, angle_rad: Tensor) -> Tensor:
    """(B,) of the selector's angles (B, R) at the nearest reference (B,): a right angle is to be 1.

    Weights that are trained by this say angles in right angles, see ``options.RIGHT_ANGLES``.
    """
    said = angles.gather(1, nearest[:, None])[:, 0]
    return (said - angle_rad * 2 / torch.pi) ** 2


def pose_loss(moved: Tensor, wanted: Tensor) -> Tensor:
    """(B,) mean squared distance of points (B, N, 3) that the refiner moved from where they belong."""
    return ((moved - wanted) ** 2).sum(dim=2).mean(dim=1)
