"""The attention between reference views in Gen6D's selector."""

import torch
from torch import Tensor, nn

WIDTH = 512
HEADS = 8


class ViewAttention(nn.Module):
    """Self-attention over views; channel c belongs to head c mod 8, which is not torch's order."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_key = nn.Conv1d(WIDTH, WIDTH, 1)
        self.conv_query = nn.Conv1d(WIDTH, WIDTH, 1)
        self.conv_feats = nn.Conv1d(WIDTH, WIDTH, 1)
        self.conv_merge = nn.Conv1d(WIDTH, WIDTH, 1)
        self.norm = ChannelNorm()

    def forward(self, views: Tensor) -> Tensor:
        """(B, 512, R) messages for views (B, 512, R), without the views themselves added."""
        query, key, value = (
            conv(views).unflatten(1, (WIDTH // HEADS, HEADS))
            for conv in (self.conv_query, self.conv_key, self.conv_feats)
        )
        weights = torch.einsum("bdhn,bdhm->bhnm", query, key) / (WIDTH // HEADS) ** 0.5
        message = torch.einsum("bhnm,bdhm->bdhn", weights.softmax(dim=-1), value)
        return self.norm(self.conv_merge(message.flatten(1, 2)))


class ChannelNorm(nn.Module):
    """Layer norm over the channels of (B, 512, R)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, views: Tensor) -> Tensor:
        """See the class."""
        return self.norm(views.transpose(1, 2)).transpose(1, 2)


def message_layer() -> nn.Sequential:
    """Makes of views and messages (B, 1024, R) what is added to the views (B, 512, R)."""
    return nn.Sequential(
        nn.Conv1d(2 * WIDTH, WIDTH, 1),
        nn.InstanceNorm1d(WIDTH),
        nn.ReLU(),
        nn.Conv1d(WIDTH, WIDTH, 1),
        nn.InstanceNorm1d(WIDTH),
        nn.ReLU(),
    )
