"""The square of the image that a network sees of a pose, and where its pixels lie in the image."""

from dataclasses import dataclass

import torch
from torch import Tensor

from estimators.foundationpose.config import INPUT_PX


def crop_from_image(centers_m: Tensor, K: Tensor, diameters_m: Tensor, crop_ratio: float) -> Tensor:
    """Windows about objects, rounded to whole pixels (half to even) of the image, as matrices.

    Half its width is the farthest that a point half of ``crop_ratio`` diameters beside the centre, in the camera's
    x or y, is seen from it. Worked out in float64. It may reach beyond the image.

    Args:
        centers_m: (N, 3) float32, translations of poses, metres, z above 0.
        K: (3, 3) or (N, 3, 3) float64 intrinsics, pixels.
        diameters_m: () or (N,) float64.
        crop_ratio: Of the network, see ``NetworkConfig``.

    Returns:
        (N, 3, 3) float32, pixels of the image to pixels of the crop of 160 x 160; the last row is 0, 0, 1.
    """
    reach = (diameters_m.double() * (crop_ratio / 2)).expand(len(centers_m))
    aside = torch.tensor([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]], dtype=torch.float64, device=K.device)
    points = centers_m.double()[:, None].repeat(1, 5, 1)
    points[..., :2] += aside * reach[:, None, None]
    seen = points @ K.double().mT
    pixels = seen[..., :2] / seen[..., 2:]
    center = pixels[:, :1]
    half = (pixels - center).abs().amax(dim=(1, 2))[:, None]
    low, high = torch.round(center[:, 0] - half), torch.round(center[:, 0] + half)
    scale = (INPUT_PX / (high - low).clamp(min=1)).float()  # what is far away is seen in one pixel
    out = torch.zeros(len(centers_m), 3, 3, device=K.device)
    out[:, 0, 0], out[:, 1, 1], out[:, 2, 2] = scale[:, 0], scale[:, 1], 1.0
    out[:, :2, 2] = scale * -low.float()
    return out


def drawn_window(crop: Tensor) -> Tensor:
    """Where the outer edges of a rendered crop lie in the image.

    They are where the crop's first and last pixel lie, by the reference: what is rendered is larger by a pixel of the
    crop than what is observed.

    Args:
        crop: (N, 3, 3) float32 of ``crop_from_image``.

    Returns:
        (N, 4) float32 left, top, right, bottom in pixels of the image.
    """
    corners = torch.tensor([[0.0, INPUT_PX - 1], [0.0, INPUT_PX - 1], [1.0, 1.0]], device=crop.device)
    placed = inverse(crop) @ corners
    return torch.stack([placed[:, 0, 0], placed[:, 1, 0], placed[:, 0, 1], placed[:, 1, 1]], dim=1)


def inverse(matrices: Tensor) -> Tensor:
    """(N, 3, 3) inverses; without the check that would stop a GPU's queue."""
    return torch.linalg.inv_ex(matrices)[0]


@dataclass(frozen=True, slots=True, eq=False)
class Sampling:
    """Where pixels of N pictures are read in others: separately along x and y, since windows are not turned.

    Positions are those of ``torch.nn.functional.grid_sample`` with ``align_corners=False``: -1 and 1 are the outer
    edges of the picture that is read.

    Attributes:
        x: (N, width) float32.
        y: (N, height) float32.
    """

    x: Tensor
    y: Tensor

    def nearest(self, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Columns (N, width) and rows (N, height) of the pixels that are nearest, int64, half to even; -1 outside.

        Args:
            size: Height and width of the picture that is read.
        """
        return _nearest(self.x, size[1]), _nearest(self.y, size[0])

    def grid(self) -> Tensor:
        """(N, height, width, 2) float32, as ``grid_sample`` takes it."""
        height, width = self.y.shape[1], self.x.shape[1]
        return torch.stack(
            [self.x[:, None, :].expand(-1, height, -1), self.y[:, :, None].expand(-1, -1, width)], dim=-1
        )


def sampling(target_from_source: Tensor, source: tuple[int, int], target: tuple[int, int]) -> Sampling:
    """Where the pixels of targets are read in sources: ``warp_perspective`` of kornia up to 0.8.3.

    It scales pixels by size - 1 and samples by size: pixel p of the source is read at p size / (size - 1) - 0.5. The
    networks were trained with that. Operations are in the reference's order, in float32, so that ties fall alike.

    Args:
        target_from_source: (N, 3, 3) float32, pixels of the source to pixels of the target. It may scale and shift:
            other numbers in it are not read.
        source: Height and width of the sources.
        target: Height and width of the targets.
    """
    scaled = _normal(target, target_from_source) @ (target_from_source @ inverse(_normal(source, target_from_source)))
    back = inverse(scaled)
    return Sampling(_placed(back, 0, target[1]), _placed(back, 1, target[0]))


def _normal(size: tuple[int, int], like: Tensor) -> Tensor:
    """(1, 3, 3): pixels to -1 ... 1, by size - 1."""
    height, width = size
    rows = [[2.0 / (width - 1), 0.0, -1.0], [0.0, 2.0 / (height - 1), -1.0], [0.0, 0.0, 1.0]]
    return torch.tensor(rows, device=like.device)[None]


def _placed(back: Tensor, axis: int, count: int) -> Tensor:
    """(N, count) positions in the source along one axis of each pixel of the target."""
    steps = (torch.linspace(0, count - 1, count, device=back.device) / (count - 1) - 0.5) * 2
    return steps * back[:, axis, axis, None] + back[:, axis, 2, None]


def _nearest(place: Tensor, size: int) -> Tensor:
    index = torch.round(((place + 1) * size - 1) / 2)
    return torch.where((index >= 0) & (index < size), index, -1).long()
