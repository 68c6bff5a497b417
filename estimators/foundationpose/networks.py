"""FoundationPose's RefineNet and ScoreNet, as in Wen et al. 2024 (arXiv 2312.08344) and its published checkpoints."""

from itertools import pairwise
from typing import cast

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from estimators.foundationpose.layers import HEADS, WIDTH, PositionTable, encode, joint_encoder, pair_encoder


class RefineNet(nn.Module):
    """From pictures rendered at poses and observed, how the poses are to be changed; 16.8 million parameters.

    Args:
        rot_numbers: See ``NetworkConfig``.
    """

    def __init__(self, rot_numbers: int = 3) -> None:
        super().__init__()
        self.encodeA = pair_encoder()
        self.encodeAB = joint_encoder()
        self.pos_embed = PositionTable()
        self.trans_head = _head(3)
        self.rot_head = _head(rot_numbers)

    def forward(self, rendered: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Raw outputs; ``pose_update.decode`` makes poses of them.

        Args:
            rendered: (B, 6, H, W), see ``inputs.refine_inputs``; the published size is 160 x 160.
            observed: (B, 6, H, W).

        Returns:
            Translation (B, 3) and rotation (B, rot_numbers), float32.
        """
        tokens = self.pos_embed(encode(self.encodeA, self.encodeAB, rendered, observed))
        return self.trans_head(tokens).float().mean(dim=1), self.rot_head(tokens).float().mean(dim=1)


class ScoreNet(nn.Module):
    """Ranks poses of one object in one frame; 15.8 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.encoderA = pair_encoder()
        self.encoderAB = joint_encoder()
        self.pos_embed = PositionTable()
        self.att = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.att_cross = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.linear = nn.Linear(WIDTH, 1)

    def forward(self, rendered: Tensor, observed: Tensor) -> Tensor:
        """Logits (B,) float32 of B poses of one object in one frame, see ``inputs.score_inputs``."""
        return self.rank(self.features(rendered, observed)[None])[0]

    def features(self, rendered: Tensor, observed: Tensor) -> Tensor:
        """(B, 512), what is seen of each pose by itself, from two (B, 6, H, W)."""
        tokens = self.pos_embed(encode(self.encoderA, self.encoderAB, rendered, observed))
        return _attend(self.att, tokens).mean(dim=1)

    def rank(self, features: Tensor) -> Tensor:
        """Logits (G, L) float32 of G groups of L poses, compared within their group, from features (G, L, 512)."""
        return self.linear(_attend(self.att_cross, features)).float().squeeze(-1)


def _head(numbers: int) -> nn.Sequential:
    """One transformer layer and a linear one: (B, L, 512) to (B, L, numbers)."""
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, dim_feedforward=WIDTH, batch_first=True)
    return nn.Sequential(layer, nn.Linear(WIDTH, numbers))


def _attend(attention: nn.MultiheadAttention, tokens: Tensor) -> Tensor:
    return cast("Tensor", attention(tokens, tokens, tokens, need_weights=False)[0])


def parameters_of(network: nn.Module) -> int:
    """How many numbers were learned."""
    return sum(parameter.numel() for parameter in network.parameters())


def folded(network: nn.Module) -> nn.Module:
    """The same network with every batch norm folded into the convolution before it; changed in place.

    The network must be in eval mode; its outputs stay the same to rounding.
    """
    for module in network.modules():
        for (first, conv), (second, norm) in pairwise(module.named_children()):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, first, fuse_conv_bn_eval(conv, norm))
                setattr(module, second, nn.Identity())
    return network
