"""VGG-11 with batch norm, of which each of Gen6D's networks has a copy, and where its features are taken."""

import torch
from torch import Tensor, nn
from torch.nn import functional

_PLAN = (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0)
"""Channels of each convolution of VGG-11 (Simonyan and Zisserman 2015), 0 for a pooling."""
_F4, _F8, _F16 = 13, 20, 26
"""Index after which a stride's features are taken: after a ReLU, but those of stride 16 after their batch norm."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Backbone(nn.Module):
    """Features of colour pictures; 9.2 million parameters under the names of torchvision's ``vgg11_bn``."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in _PLAN:
            if not width:
                layers.append(nn.MaxPool2d(2))
                continue
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            channels = width
        self.features = nn.Sequential(*layers)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features of four strides.

        Args:
            pictures: (N, 3, H, W) float32 RGB, 0 to 1; sizes that a pooling cannot halve lose their last row or column.

        Returns:
            f4 (N, 256, H/4, W/4) and f8 (N, 512, H/8, W/8), above 0; f16 (N, 512, H/16, W/16) of either sign, since no
            ReLU follows; f32 (N, 512, H/32, W/32), the largest of each four of f16.
        """
        taps: dict[int, Tensor] = {}
        out = normalised(pictures)
        for index, layer in enumerate(self.features[: _F16 + 1]):
            out = layer(out)
            if index in (_F4, _F8):
                taps[index] = out
        return taps[_F4], taps[_F8], out, functional.max_pool2d(out, 2)


def normalised(pictures: Tensor) -> Tensor:
    """Pictures (N, 3, H, W) of 0 to 1 as the network was trained on them: ImageNet's mean and deviation removed."""
    mean = torch.tensor(_MEAN, dtype=pictures.dtype, device=pictures.device)[:, None, None]
    std = torch.tensor(_STD, dtype=pictures.dtype, device=pictures.device)[:, None, None]
    return (pictures - mean) / std


def picture_tensor(pictures: Tensor) -> Tensor:
    """(..., H, W, 3) uint8 pictures as (..., 3, H, W) float32, 0 to 1."""
    return pictures.movedim(-1, -3).float() / 255


def unit_length(features: Tensor) -> Tensor:
    """Features (N, C, ...) of length 1 over their channels, at every place; zeros stay zeros."""
    return functional.normalize(features, dim=1, eps=1e-12)
