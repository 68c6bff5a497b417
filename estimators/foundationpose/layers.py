"""Building blocks of FoundationPose's two networks; the names of their parameters are those of its checkpoints."""

import math

import torch
from torch import Tensor, nn

WIDTH = 512
"""Of a token."""
HEADS = 4
TOKENS = 400
"""Of an input of 160 x 160: its 20 x 20 cells, row by row."""
CHANNELS = 6
"""Of an input: red, green, blue, then x, y, z."""


class ConvBlock(nn.Module):
    """Convolution with bias, batch norm, ReLU; (N, C, H, W) to (N, D, H / stride, W / stride)."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int) -> None:
        super().__init__()
        conv = nn.Conv2d(channels_in, channels_out, kernel, stride, padding=(kernel - 1) // 2)
        self.net = nn.Sequential(conv, nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return self.net(x)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with bias and batch norm about a sum with the input; the shape stays."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        inner = torch.relu_(self.bn1(self.conv1(x)))
        return torch.relu_(self.bn2(self.conv2(inner)) + x)


class PositionTable(nn.Module):
    """Adds to each token what says where it is; the table is part of the checkpoint."""

    pe: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("pe", position_table())

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L, 512) tokens, L at most 400, each with the table's row of its place added."""
        return tokens + self.pe[:, : tokens.shape[1]]


def position_table() -> Tensor:
    """(1, 400, 512) float32: sines in even and cosines in odd columns, as in Vaswani et al. 2017."""
    place = torch.arange(TOKENS, dtype=torch.float32)[:, None]
    frequency = torch.exp(torch.arange(0, WIDTH, 2, dtype=torch.float32) * (-math.log(10000.0) / WIDTH))
    table = torch.zeros(1, TOKENS, WIDTH)
    table[0, :, 0::2] = torch.sin(place * frequency)
    table[0, :, 1::2] = torch.cos(place * frequency)
    return table


def pair_encoder() -> nn.Sequential:
    """What sees either picture alone: (N, 6, H, W) to (N, 128, H / 4, W / 4)."""
    return nn.Sequential(
        ConvBlock(CHANNELS, 64, 7, 2), ConvBlock(64, 128, 3, 2), ResidualBlock(128), ResidualBlock(128)
    )


def joint_encoder() -> nn.Sequential:
    """What sees both pictures' features: (N, 256, h, w) to (N, 512, h / 2, w / 2)."""
    return nn.Sequential(
        ResidualBlock(256), ResidualBlock(256), ConvBlock(256, WIDTH, 3, 2), ResidualBlock(WIDTH), ResidualBlock(WIDTH)
    )


def encode(pair: nn.Module, joint: nn.Module, rendered: Tensor, observed: Tensor) -> Tensor:
    """Tokens of pairs of pictures, without their places.

    Args:
        pair: ``pair_encoder``.
        joint: ``joint_encoder``.
        rendered: (B, 6, H, W).
        observed: (B, 6, H, W).

    Returns:
        (B, H / 8 * W / 8, 512), row by row.
    """
    features = pair(torch.cat([rendered, observed]))
    both = torch.cat(features.chunk(2), dim=1)
    return joint(both).flatten(2).transpose(1, 2)
