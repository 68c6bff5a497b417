"""OpenGL's clip coordinates of an OpenCV camera, for renderers that want them."""

import torch
from torch import Tensor

from estimators.foundationpose.rendering.base import FAR_M, NEAR_M


def projection(K: Tensor, size: tuple[int, int]) -> Tensor:
    """OpenGL's projection matrix: points of a camera that looks along -z, y upwards, to clip coordinates.

    Args:
        K: (3, 3) intrinsics, pixels.
        size: Height and width of the whole image.

    Returns:
        (4, 4) of K's type; near and far as in ``rendering.base``.
    """
    height, width = size
    out = torch.zeros(4, 4, dtype=K.dtype, device=K.device)
    out[0, 0], out[0, 1], out[0, 2] = 2 * K[0, 0] / width, -2 * K[0, 1] / width, (width - 2 * K[0, 2]) / width
    out[1, 1], out[1, 2] = 2 * K[1, 1] / height, (2 * K[1, 2] - height) / height
    out[2, 2], out[2, 3] = -(FAR_M + NEAR_M) / (FAR_M - NEAR_M), -2 * FAR_M * NEAR_M / (FAR_M - NEAR_M)
    out[3, 2] = -1
    return out


def clip_of(points_m: Tensor, K: Tensor, window: Tensor) -> Tensor:
    """Clip coordinates in which a window of the image fills the picture.

    The product of ``projection`` and the window's scale and shift, written out: the image's size cancels.

    Args:
        points_m: (N, V, 3) in the camera's frame, OpenCV axes.
        K: (N, 3, 3).
        window: (N, 4) left, top, right, bottom in pixels of the image.

    Returns:
        (N, V, 4); y upwards, w the depth.
    """
    x, y, z = points_m.unbind(-1)
    left, top, right, bottom = (edge[:, None] for edge in window.unbind(-1))
    u = K[:, 0, 0, None] * x + K[:, 0, 1, None] * y + K[:, 0, 2, None] * z
    v = K[:, 1, 1, None] * y + K[:, 1, 2, None] * z
    clip_x = (2 * u - (left + right) * z) / (right - left)
    clip_y = ((top + bottom) * z - 2 * v) / (bottom - top)
    clip_z = ((FAR_M + NEAR_M) * z - 2 * FAR_M * NEAR_M) / (FAR_M - NEAR_M)
    return torch.stack([clip_x, clip_y, clip_z, z], dim=-1)
