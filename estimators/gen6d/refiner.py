"""Gen6D's pose refiner: how a pose is to be changed, from a volume of features seen along it and along references."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from estimators.gen6d.backbone import Backbone, unit_length
from estimators.gen6d.volume import SIDE_POINTS, sampled, volume_points

FEATURES = 128
REFERENCES = 6
_LEAKY = 0.1


class Delta(NamedTuple):
    """A small similarity in the camera's axes; ``similarity.similarity`` makes a transform of it.

    Attributes:
        quaternion: (B, 4) of length 1, w first.
        offset: (B, 2) x and y, in units of half the object's diameter.
        scale_log2: (B, 1); above 0 the picture shows the object larger than the pose says.
    """

    quaternion: Tensor
    offset: Tensor
    scale_log2: Tensor


class Views(NamedTuple):
    """Pictures with their cameras, in the normalised object's frame (centre at the origin, diameter 2).

    Attributes:
        pictures: (..., 3, 128, 128) float32, 0 to 1.
        K: (..., 3, 3) float32, pixels.
        cam_from_obj: (..., 3, 4) float32.
    """

    pictures: Tensor
    K: Tensor
    cam_from_obj: Tensor


class Refiner(nn.Module):
    """44.5 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_net = FeatureNet()
        self.volume_net = VolumeNet()
        self.regressor = Regressor()

    def forward(self, query: Views, references: Views) -> Delta:
        """How the queries' poses are to be changed.

        Args:
            query: (B, ...), each a crop that its pose looks at.
            references: (B, N, ...), crops turned and rectified like the query; N is 6 as published.
        """
        count = references.pictures.shape[1]
        pictures = torch.cat([query.pictures[:, None], references.pictures], dim=1)
        features = self.feature_net(pictures.flatten(0, 1)).unflatten(0, pictures.shape[:2])
        points = volume_points(query.cam_from_obj)
        size = query.pictures.shape[-1]
        seen = sampled(features[:, 0], query.K, query.cam_from_obj, points, size)
        known = sampled(
            features[:, 1:].flatten(0, 1),
            references.K.flatten(0, 1),
            references.cam_from_obj.flatten(0, 1),
            points.repeat_interleave(count, dim=0),
            size,
        ).unflatten(0, (-1, count))
        return self.regressor(self.volume_net(known.mean(dim=1), known.std(dim=1), seen))


class FeatureNet(nn.Module):
    """(N, 3, H, W) pictures, 0 to 1, to (N, 128, H/4, W/4)."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.conv0 = _plane(256, 64, 64)
        self.conv1 = _plane(512, 256, 64)
        self.conv2 = _plane(512, 256, 64)
        self.conv_out = _plane(192, FEATURES, FEATURES)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        f4, f8, f16 = map(unit_length, self.backbone(pictures)[:3])
        levels = [self.conv0(f4), _enlarged(self.conv1(f8), 2), _enlarged(self.conv2(f16), 4)]
        return self.conv_out(torch.cat(levels, dim=1))


class VolumeNet(nn.Module):
    """From volumes of references' mean and deviation and the query's features (B, 128, 32, 32, 32) to (B, 32768)."""

    def __init__(self) -> None:
        super().__init__()
        self.mean_embed = _embed(2 * FEATURES)
        self.var_embed = _embed(FEATURES)
        self.conv0 = _solid(128, 64, 1)
        self.conv1 = _solid(64, 128, 2)
        self.conv2 = _solid(128, 128, 1)
        self.conv3 = _solid(128, 256, 2)
        self.conv4 = _solid(256, 256, 1)
        self.conv5 = nn.Sequential(*_solid(256, 512, 2), nn.Conv3d(512, 512, 3, padding=1))

    def forward(self, mean: Tensor, deviation: Tensor, query: Tensor) -> Tensor:
        """See the class."""
        both = [self.mean_embed(torch.cat([mean, query], dim=1)), self.var_embed(deviation)]
        out = torch.cat(both, dim=1)
        for layers in (self.conv0, self.conv1, self.conv2, self.conv3, self.conv4, self.conv5):
            out = layers(out)
        return out.flatten(1)


class Regressor(nn.Module):
    """(B, 32768) to the change of the pose."""

    def __init__(self) -> None:
        super().__init__()
        cells = (SIDE_POINTS // 8) ** 3
        self.fc = nn.Sequential(
            nn.Sequential(nn.Linear(512 * cells, 512), nn.LeakyReLU(_LEAKY)),
            nn.Sequential(nn.Linear(512, 512), nn.LeakyReLU(_LEAKY)),
        )
        self.fcr = nn.Linear(512, 4)
        self.fct = nn.Linear(512, 2)
        self.fcs = nn.Linear(512, 1)

    def forward(self, volume: Tensor) -> Delta:
        """See the class."""
        out = self.fc(volume)
        return Delta(functional.normalize(self.fcr(out), dim=1), self.fct(out), self.fcs(out))


def _plane(channels: int, inner: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, inner, 3, padding=1),
        nn.InstanceNorm2d(inner),
        nn.ReLU(),
        nn.Conv2d(inner, width, 3, padding=1),
        nn.InstanceNorm2d(width),
    )


def _enlarged(features: Tensor, by: int) -> Tensor:
    return functional.interpolate(features, scale_factor=by, mode="bilinear", align_corners=False)


def _solid(channels: int, width: int, stride: int) -> nn.Sequential:
    conv = nn.Conv3d(channels, width, 3, stride, padding=1)
    return nn.Sequential(conv, nn.InstanceNorm3d(width), nn.ReLU())


def _embed(channels: int) -> nn.Sequential:
    return nn.Sequential(*_solid(channels, 64, 1), nn.Conv3d(64, 64, 3, padding=1))
