"""Gen6D's viewpoint selector: which reference a crop looks most like, and how far it is turned in the picture."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from estimators.gen6d.attention import WIDTH, ViewAttention, message_layer
from estimators.gen6d.backbone import Backbone, unit_length
from schemas.arrays import Array

ANGLES_DEG = (-90, -45, 0, 45, 90)
"""The turns in which every reference is looked at; the third is upright."""
SIDE_PX = 128
"""Of crops and references; the last pooling reads one cell of a crop of this size."""
_LEVELS = 3
_CELLS = 4  # a side of what every level ends at
_FEATURES = WIDTH + _LEVELS
_AT_ONCE = 8  # references put through the backbone in one go

Views = tuple[Tensor, Tensor, Tensor]
"""(R * A, 512, 16, 16), (R * A, 512, 8, 8), (R * A, 512, 4, 4): unit features of turned views, index r A + a."""


class Likeness(NamedTuple):
    """What the selector says of each reference.

    Attributes:
        logits: (B, R), higher for a view nearer to the crop's.
        angles: (B, R) how far the crop is turned from the upright reference, in the unit that the network was trained
            in; see ``angle_rad``.
    """

    logits: Tensor
    angles: Tensor


class Selector(nn.Module):
    """20.9 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.corr_conv_list = nn.ModuleList([_correlation(512, (64, 128, 256)), _correlation(512, (128, 256))])
        self.corr_conv_list.append(_correlation(512, (256,)))
        self.corr_feats_conv = nn.Sequential(
            nn.Conv3d(3 * 256, WIDTH, 1),
            nn.InstanceNorm3d(WIDTH),
            nn.ReLU(),
            nn.Conv3d(WIDTH, WIDTH, 1),
            nn.AvgPool3d((1, _CELLS, _CELLS)),
        )
        self.score_process = nn.Sequential(nn.Conv2d(_FEATURES, WIDTH, 1), nn.ReLU(), nn.Conv2d(WIDTH, WIDTH, 1))
        self.atts = nn.ModuleList([ViewAttention(), ViewAttention()])
        self.mlps = nn.ModuleList([message_layer(), message_layer()])
        self.score_predict = nn.Sequential(nn.Conv1d(WIDTH, WIDTH, 1), nn.ReLU(), nn.Conv1d(WIDTH, 1, 1))
        self.angle_predict = nn.Sequential(
            nn.Conv1d(_FEATURES * len(ANGLES_DEG), WIDTH, 1),
            nn.ReLU(),
            nn.Conv1d(WIDTH, WIDTH, 1),
            nn.ReLU(),
            nn.Conv1d(WIDTH, 1, 1),
        )
        self.view_point_encoder = nn.Sequential(
            nn.Linear(3, 128), nn.ReLU(), nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, WIDTH)
        )

    def features(self, pictures: Tensor) -> Views:
        """Unit features of stride 8, 16 and 32 of (N, 3, 128, 128) float32 pictures, 0 to 1.

        Of references, N runs over their turns fastest: index r A + a.
        """
        parts = [tuple(map(unit_length, self.backbone(part)[1:])) for part in pictures.split(_AT_ONCE)]
        f8, f16, f32 = (torch.cat(level) for level in zip(*parts, strict=True))
        return f8, f16, f32

    def embedding(self, directions: Tensor) -> Tensor:
        """(512, R) what tells views apart by where they look from; from (R, 3) of ``view_directions``."""
        return self.view_point_encoder(directions).T

    def forward(self, crops: Tensor, views: Views, embedding: Tensor) -> Likeness:
        """Which reference and turn each crop is.

        Args:
            crops: (B, 3, 128, 128) float32, 0 to 1.
            views: Of ``features``.
            embedding: Of ``embedding``.
        """
        features = self.likeness(self.features(crops), views)
        seen = self.score_process(features).amax(dim=3) + embedding
        for attend, mix in zip(self.atts, self.mlps, strict=True):
            seen = seen + mix(torch.cat([seen, attend(seen)], dim=1))
        turned = features.transpose(2, 3).flatten(1, 2)  # channel c A + a
        return Likeness(self.score_predict(seen)[:, 0], self.angle_predict(turned)[:, 0])

    def likeness(self, crops: Views, views: Views) -> Tensor:
        """(B, 515, R, A): 512 learned and 3 plain measures of how alike crops and turned references are."""
        products = [crop[:, :, None] * view.movedim(0, 1)[None] for crop, view in zip(crops, views, strict=True)]
        learned = [layers(product) for layers, product in zip(self.corr_conv_list, products, strict=True)]
        mixed = self.corr_feats_conv(torch.cat(learned, dim=1))[..., 0, 0]
        plain = functional.instance_norm(_by_view(torch.stack([plain_likeness(one) for one in products], dim=1)))
        return torch.cat([_by_view(mixed), plain], dim=1)


def plain_likeness(product: Tensor) -> Tensor:
    """(B, N): a map of cosines, weighted by itself over its largest value, summed; from products (B, 512, N, h, w)."""
    cosines = product.sum(dim=1)
    return (cosines * (cosines / cosines.amax(dim=(2, 3), keepdim=True))).sum(dim=(2, 3))


def _by_view(values: Tensor) -> Tensor:
    """(B, C, R, A) of (B, C, R * A)."""
    return values.unflatten(2, (-1, len(ANGLES_DEG)))


def _correlation(channels: int, widths: tuple[int, ...]) -> nn.Sequential:
    """Down to 4 x 4 cells by pairs of convolutions; the norms go over all views at once."""
    layers: list[nn.Module] = [nn.InstanceNorm3d(channels)]
    for k, width in enumerate(widths):
        layers += [_conv(channels, width), nn.InstanceNorm3d(width), nn.ReLU(), _conv(width, width)]
        if k < len(widths) - 1:
            layers += [nn.InstanceNorm3d(width), nn.MaxPool3d((1, 2, 2))]
        channels = width
    return nn.Sequential(*layers)


def _conv(channels: int, width: int) -> nn.Conv3d:
    return nn.Conv3d(channels, width, (1, 3, 3), padding=(0, 1, 1))


def view_directions(positions: Array, up: Array) -> Array:
    """Where references look from, about the first one.

    Args:
        positions: (R, 3) of cameras, from the object's centre.
        up: (3,) in the object's frame.

    Returns:
        (R, 3) float32 unit vectors: x towards the first camera, across ``up``; y to the left of it; z up.
    """
    y = np.cross(up, positions[0])
    axes = np.stack([np.cross(y, up), y, up])
    axes = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    turned = positions @ axes.T
    return (turned / np.linalg.norm(turned, axis=1, keepdims=True)).astype(np.float32)
