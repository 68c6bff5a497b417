"""What the two networks are trained to make small, after Wen et al. 2024, sections 3.3 and 3.4."""

import torch
from torch import Tensor

from estimators.foundationpose.pose_update import delta_between

TURN_WEIGHT = 1.0
"""Of rotation beside translation; the published runs had 0.1, with which nothing of turns is learned in hours."""
MARGIN = 0.1
VALID_RAD = 0.17453292519943295  # 10 degrees
_LEAST_SINE = 1e-7


def refiner_targets(
    cam_from_start: Tensor, cam_from_true: Tensor, diameters_m: Tensor, rot_normalizer_rad: float
) -> tuple[Tensor, Tensor]:
    """What the refiner ought to say, so that ``pose_update.decode`` leads from the first poses to the second.

    Args:
        cam_from_start: (N, 4, 4), of meshes about their centres, metres.
        cam_from_true: (N, 4, 4); of poses that look the same, the nearest.
        diameters_m: (N,).
        rot_normalizer_rad: See ``NetworkConfig``.

    Returns:
        Translations (N, 3), to be compared with the raw ones, and rotations (N, 3), to be compared with the tanh of the
        raw ones; float32.
    """
    shift_m, turn = delta_between(cam_from_start.double(), cam_from_true.double())
    trans = shift_m / (diameters_m.double() / 2)[:, None]
    # the network's rotation vector is taken the other way round, see turned_by
    return trans.float(), (-log_so3(turn) / rot_normalizer_rad).float()


def log_so3(turns: Tensor) -> Tensor:
    """(N, 3) rotation vectors, radians, of (N, 3, 3) turns by less than pi."""
    skew = turns - turns.mT
    vector = torch.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], dim=1) / 2
    sine = vector.norm(dim=1)
    cosine = (turns.diagonal(dim1=1, dim2=2).sum(dim=1) - 1) / 2
    angle = torch.atan2(sine, cosine)
    scale = torch.where(sine > _LEAST_SINE, angle / sine.clamp(min=_LEAST_SINE), torch.ones_like(sine))
    return vector * scale[:, None]


def refiner_loss(trans: Tensor, rot: Tensor, wanted_trans: Tensor, wanted_rot: Tensor) -> Tensor:
    """() squared distances of translation and, by ``TURN_WEIGHT``, rotation, summed over axes; the mean over poses."""
    shift = (trans - wanted_trans).square().sum(dim=1).mean()
    turn = (torch.tanh(rot) - wanted_rot).square().sum(dim=1).mean()
    return shift + TURN_WEIGHT * turn


def scorer_loss(logits: Tensor, distances_m: Tensor, angles_rad: Tensor) -> Tensor:
    """() how far poses that are better are from being ahead of worse ones by the margin; the mean over such pairs.

    Only poses within 10 degrees of the true one are asked to win: among others a comparison means nothing.

    Args:
        logits: (G, K) of K poses of one object in one frame.
        distances_m: (G, K) ADD.
        angles_rad: (G, K) from the true rotation.
    """
    wins = (angles_rad < VALID_RAD)[:, :, None] & (distances_m[:, :, None] < distances_m[:, None, :])
    short = (MARGIN - (logits[:, :, None] - logits[:, None, :])).clamp(min=0)
    return (short * wins).sum() / wins.sum().clamp(min=1)


def share_right(logits: Tensor, distances_m: Tensor, angles_rad: Tensor) -> Tensor:
    """() of the groups, those whose best logit is of a pose within 10 degrees and not 20 % worse than the best."""
    chosen = logits.argmax(dim=1, keepdim=True)
    good = distances_m.gather(1, chosen)[:, 0] <= 1.2 * distances_m.amin(dim=1)
    return (good & (angles_rad.gather(1, chosen)[:, 0] < VALID_RAD)).float().mean()
