"""The network: one look at what is drawn at a pose and what the frame shows there."""

import torch
from torch import Tensor, nn

SIZE_PX = 64
CHANNELS = 14
"""Of an input, see ``pictures``."""
ROT_NORMALIZER_RAD = 0.3490658503988659
"""20 degrees, as FoundationPose's refiner."""
_HEADS = 7


class Residual(nn.Module):
    """Two 3 x 3 convolutions with batch norm about a sum with the input; the shape stays."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return torch.relu(self.inner(x) + x)


def _halved(channels_in: int, channels_out: int, kernel: int = 3) -> nn.Sequential:
    convolution = nn.Conv2d(channels_in, channels_out, kernel, 2, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True))


class LiteNet(nn.Module):
    """0.77 million parameters. Drawn and observed go in together: they lie pixel on pixel.

    What is left of the picture at the end is not averaged away before the heads: a small detail must count.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            _halved(CHANNELS, 32, 5), _halved(32, 64), Residual(64), _halved(64, 128), Residual(128)
        )
        self.narrow = nn.Sequential(nn.Conv2d(128, 32, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(inplace=True))
        self.whole = nn.Sequential(nn.Linear(32 * (SIZE_PX // 8) ** 2 + 256, 128), nn.ReLU(inplace=True))
        self.head = nn.Linear(128, _HEADS)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What it thinks of poses.

        Args:
            pictures: (N, 14, 64, 64) float32, see ``pictures``.

        Returns:
            Logits (N,), higher for poses that are nearer to the truth, which can be compared among poses of one object
            in one frame; translation (N, 3) in halves of the diameter and rotation (N, 3), both as those of
            FoundationPose's refiner: ``pose_update.decode`` makes poses of them.
        """
        features = self.trunk(pictures)
        flat = torch.cat([self.narrow(features).flatten(1), features.mean((2, 3)), features.amax((2, 3))], dim=1)
        out = self.head(self.whole(flat)).float()
        return out[:, 0], out[:, 1:4], out[:, 4:]
