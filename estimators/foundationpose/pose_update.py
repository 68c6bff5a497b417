"""From a refiner's raw outputs to poses: turns about the object's own centre, shifts along the camera's axes."""

import torch
from torch import Tensor

_LEAST_ANGLE2 = 1e-4  # radians squared; below, the formula is that of this angle


def exp_so3(vectors: Tensor) -> Tensor:
    """Rotations by rotation vectors: Rodrigues' formula, the angle not below 0.01 rad in its factors.

    Args:
        vectors: (N, 3) radians.

    Returns:
        (N, 3, 3).
    """
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(-1, 3, 3)
    angle = (vectors * vectors).sum(-1).clamp(min=_LEAST_ANGLE2).sqrt()[:, None, None]
    eye = torch.eye(3, dtype=vectors.dtype, device=vectors.device)
    return eye + torch.sin(angle) / angle * cross + (1 - torch.cos(angle)) / angle**2 * (cross @ cross)


def rotation_of_6d(numbers: Tensor) -> Tensor:
    """Rotations (N, 3, 3) whose first two rows are these (N, 6) numbers, made orthonormal (Zhou et al. 2019)."""
    first = torch.nn.functional.normalize(numbers[:, :3], dim=-1)
    rest = numbers[:, 3:] - (first * numbers[:, 3:]).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(rest, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=1)


def turned_by(raw: Tensor, rot_normalizer_rad: float) -> Tensor:
    """Turns (N, 3, 3) in the camera's axes from raw rotation outputs.

    Three numbers are a rotation vector: squashed by tanh, scaled, and taken the other way round, as the refiner was
    trained. Six are ``rotation_of_6d``, the other way round too.

    Args:
        raw: (N, 3) or (N, 6).
        rot_normalizer_rad: See ``NetworkConfig``; not used for six.
    """
    if raw.shape[-1] == 6:
        return rotation_of_6d(raw).mT
    return exp_so3(torch.tanh(raw) * rot_normalizer_rad).mT


def apply_delta(cam_from_obj: Tensor, shift_m: Tensor, turn: Tensor) -> Tensor:
    """Poses shifted and turned about their own origin, in the camera's axes: t + shift, turn @ R.

    Args:
        cam_from_obj: (N, 4, 4).
        shift_m: (N, 3) metres.
        turn: (N, 3, 3).
    """
    out = cam_from_obj.clone()
    out[:, :3, :3] = turn @ cam_from_obj[:, :3, :3]
    out[:, :3, 3] = cam_from_obj[:, :3, 3] + shift_m
    return out


def delta_between(cam_from_a: Tensor, cam_from_b: Tensor) -> tuple[Tensor, Tensor]:
    """What ``apply_delta`` makes the second of the first with: (N, 3) metres and (N, 3, 3), of (N, 4, 4) poses."""
    shift_m = cam_from_b[:, :3, 3] - cam_from_a[:, :3, 3]
    return shift_m, cam_from_b[:, :3, :3] @ cam_from_a[:, :3, :3].mT


def decode(cam_from_obj: Tensor, trans: Tensor, rot: Tensor, diameters_m: Tensor, rot_normalizer_rad: float) -> Tensor:
    """The poses after one step of the refiner.

    Args:
        cam_from_obj: (N, 4, 4) float32, of meshes about their centres, metres.
        trans: (N, 3) raw translations, in halves of the diameter.
        rot: (N, 3) or (N, 6) raw rotations, see ``turned_by``.
        diameters_m: () or (N,).
        rot_normalizer_rad: See ``NetworkConfig``.

    Returns:
        (N, 4, 4) float32.
    """
    shift_m = trans * (diameters_m.to(trans.dtype) / 2).reshape(-1, 1)
    return apply_delta(cam_from_obj, shift_m, turned_by(rot, rot_normalizer_rad))
