"""Features of pictures where points in space are seen."""

import torch
from torch import Tensor
from torch.nn import functional

SIDE_POINTS = 32
_LEAST_Z = 1e-4


def volume_points(cam_from_obj: Tensor) -> Tensor:
    """(B, 32, 32, 32, 3) points of the normalised object's frame, a cube of side 2 in the camera's axes.

    Args:
        cam_from_obj: (B, 3, 4); only the rotations matter.

    Returns:
        The axes of the grid are the camera's x, y and z, in this order.
    """
    line = torch.linspace(-1, 1, SIDE_POINTS, dtype=cam_from_obj.dtype, device=cam_from_obj.device)
    grid = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), dim=-1)
    return torch.einsum("xyzi,bij->bxyzj", grid, cam_from_obj[:, :, :3])


def sampled(features: Tensor, K: Tensor, cam_from_obj: Tensor, points: Tensor, size_px: int) -> Tensor:
    """Features where points are seen, bilinear, zero outside of the picture.

    Args:
        features: (N, C, h, w) of pictures, any stride.
        K: (N, 3, 3) of the pictures, pixels.
        cam_from_obj: (N, 3, 4).
        points: (N, X, Y, Z, 3) in the object's frame.
        size_px: Side of the pictures.

    Returns:
        (N, C, X, Y, Z).
    """
    flat = points.flatten(1, 3)
    seen = (flat @ cam_from_obj[:, :, :3].transpose(1, 2) + cam_from_obj[:, None, :, 3]) @ K.transpose(1, 2)
    pixels = seen[..., :2] / seen[..., 2:].clamp(min=_LEAST_Z)
    grid = (pixels + 0.5) / size_px * 2 - 1
    found = functional.grid_sample(features, grid[:, None], mode="bilinear", padding_mode="zeros", align_corners=False)
    return found[:, :, 0].unflatten(2, points.shape[1:4])
