"""Gen6D's detector: where in a picture an object is and how large, from correlations with pictures of it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from estimators.gen6d.backbone import Backbone

SCALES_LOG2 = (-1.0, -0.5, 0.0, 0.5)
"""The picture is looked at in these sizes."""
REFERENCE_PX = 120
"""Side of a reference whose features are the correlation's kernels."""
STRIDE_PX = 8
_LEVELS = 3
_MEAN, _STD = (36.264317, 13910.291, 829.70807), (13.151907, 5345.965, 387.98788)
"""Of correlations of ImageNet's features with kernels of 120 px, by level; published weights were trained with them."""
_CLIP = 10.0
_WIDTH = 64
_MULTIPLE_PX = 32
_AT_ONCE = 8  # references resized and put through the backbone in one go

Kernels = tuple[Tensor, Tensor, Tensor]
"""(R, 512, 15, 15), (R, 512, 7, 7) and (R, 512, 3, 3): a reference's features of stride 8, 16 and 32."""


class Heads(NamedTuple):
    """What the detector says of each cell (x, y) of 8 pixels.

    Attributes:
        scores: (B, 1, H/8, W/8), higher where the object's centre is; not calibrated.
        offsets: (B, 2, H/8, W/8), x and y from the cell to the centre, cells.
        scales: (B, 1, H/8, W/8), log2 of the size beside that of a reference of 128 px.
    """

    scores: Tensor
    offsets: Tensor
    scales: Tensor


@dataclass(frozen=True, slots=True)
class Detection:
    """One object in one picture.

    Attributes:
        x_px: Of its centre; pixel centres are at integers.
        y_px: As ``x_px``.
        scale_r2q: Its size over that in a reference of 128 px, whose circle of the object's diameter is 121.6 px wide.
        score: The raw maximum; the network never saw pictures without the object, so that it says little.
    """

    x_px: float
    y_px: float
    scale_r2q: float
    score: float


class Detector(nn.Module):
    """9.5 million parameters, of which 0.2 are not the backbone's."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        inputs = _LEVELS * len(SCALES_LOG2)
        self.score_conv = nn.Sequential(nn.Conv3d(inputs, _WIDTH, 1), nn.ReLU(), nn.Conv3d(_WIDTH, _WIDTH, 1))
        self.score_predict, self.scale_predict, self.offset_predict = _head(1), _head(1), _head(2)

    def kernels(self, references: Tensor) -> Kernels:
        """What references are correlated by: their raw features, without any normalisation.

        Args:
            references: (R, 3, 128, 128) float32, 0 to 1; the facts take the first 32 of a database.
        """
        small = functional.interpolate(references, size=(REFERENCE_PX, REFERENCE_PX))  # nearest
        parts = [self.backbone(part)[1:] for part in small.split(_AT_ONCE)]
        f8, f16, f32 = (torch.cat(level) for level in zip(*parts, strict=True))
        return f8, f16, f32

    def volume(self, pictures: Tensor, kernels: Kernels) -> Tensor:
        """(B, 12, R, H/8, W/8) standardised correlations, scale by scale and within it level by level.

        Args:
            pictures: (B, 3, H, W) float32, 0 to 1.
            kernels: Of ``kernels``.
        """
        grid = (pictures.shape[2] // STRIDE_PX, pictures.shape[3] // STRIDE_PX)
        out: list[Tensor] = []
        for scale in SCALES_LOG2:
            levels = self.correlations(pictures, kernels, scale)
            flat = levels.flatten(1, 2)
            resized = functional.interpolate(flat, size=grid, mode="bilinear", align_corners=False)
            out.append(resized.unflatten(1, levels.shape[1:3]))
        return torch.cat(out, dim=1)

    def correlations(self, pictures: Tensor, kernels: Kernels, scale_log2: float) -> Tensor:
        """(B, 3, R, h/8, w/8) standardised and clipped correlations of the pictures in another size (h, w)."""
        size = resized_to(pictures.shape[2], pictures.shape[3], scale_log2)
        resized = functional.interpolate(pictures, size=size, mode="bilinear", align_corners=False)
        levels: list[Tensor] = []
        for level, (features, kernel) in enumerate(zip(self.backbone(resized)[1:], kernels, strict=True)):
            raw = functional.conv2d(features, kernel, padding=kernel.shape[-1] // 2)
            fine = functional.interpolate(raw, scale_factor=2**level) if level else raw  # nearest
            levels.append(((fine - _MEAN[level]) / _STD[level]).clamp(-_CLIP, _CLIP))
        return torch.stack(levels, dim=1)

    def forward(self, pictures: Tensor, kernels: Kernels) -> Heads:
        """What ``decode`` reads; see ``volume`` for the arguments."""
        features = self.score_conv(self.volume(pictures, kernels)).amax(dim=2)
        return Heads(self.score_predict(features), self.offset_predict(features), self.scale_predict(features))


def _head(numbers: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(_WIDTH, numbers, 3, padding=1),
    )


def resized_to(height_px: int, width_px: int, scale_log2: float) -> tuple[int, int]:
    """Height and width in which a picture is looked at: scaled, rounded, then up to a multiple of 32."""
    sizes = np.round(np.array([height_px, width_px]) * 2.0**scale_log2)
    height, width = (int(-(-size // _MULTIPLE_PX) * _MULTIPLE_PX) for size in sizes)
    return height, width


def decode(heads: Heads) -> list[Detection]:
    """The one detection of each picture: always one, at the highest score, the first of equal ones."""
    width = heads.scores.shape[-1]
    best = heads.scores.flatten(1).argmax(dim=1)
    out: list[Detection] = []
    for k, index in enumerate(best.tolist()):
        y, x = divmod(index, width)
        dx, dy = heads.offsets[k, :, y, x].tolist()
        places = [(cell + offset + 0.5) * STRIDE_PX - 0.5 for cell, offset in ((x, dx), (y, dy))]
        scale_r2q = 2.0 ** float(heads.scales[k, 0, y, x])
        out.append(Detection(places[0], places[1], scale_r2q, float(heads.scores[k, 0, y, x])))
    return out
