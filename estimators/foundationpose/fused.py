"""The networks as they run: the same functions as ``networks``, with fewer passes over memory.

- The first layer's 7 x 7 convolution of every second pixel is a 4 x 4 convolution of every cell of 2 x 2 pixels: 24
  channels instead of 6, which matrix units can work with. ``PACKED`` says how pictures come.
- Convolutions add bias and residual and clip in one kernel (cuDNN).
- Queries, keys and values of both heads of the refiner come of one product; averages over tokens are taken before the
  linear layers that follow them, which changes nothing but rounding.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from estimators.foundationpose.config import INPUT_PX
from estimators.foundationpose.layers import CHANNELS, HEADS, WIDTH, ConvBlock
from estimators.foundationpose.networks import RefineNet, ScoreNet, folded

CELL_PX = 2
CELL_CHANNELS = CHANNELS * CELL_PX * CELL_PX
RIM_BEFORE, RIM_AFTER = 2, 1
SIDE = INPUT_PX // CELL_PX + RIM_BEFORE + RIM_AFTER
PACKED = (SIDE, SIDE, CELL_CHANNELS)
"""Of one picture: cells of 2 x 2 pixels row by row, a rim of zeros about them (2 before, 1 after); a cell's channels
are its four pixels', row by row, six each."""
_TAPS = 4


def packed(rendered: Tensor, observed: Tensor, dtype: torch.dtype) -> Tensor:
    """Pairs of pictures (N, 6, 160, 160) as (2 N, *``PACKED``), the rendered ones first."""
    cells = torch.cat([rendered, observed]).unflatten(3, (-1, CELL_PX)).unflatten(2, (-1, CELL_PX))
    rows = cells.permute(0, 2, 4, 3, 5, 1).flatten(3).to(dtype)
    return nn.functional.pad(rows, (0, 0, RIM_BEFORE, RIM_AFTER, RIM_BEFORE, RIM_AFTER))


def unpacked(pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Undo ``packed``: rendered and observed (N, 6, 160, 160), in memory channels last, of (2 N, *``PACKED``)."""
    cells = pairs[:, RIM_BEFORE:-RIM_AFTER, RIM_BEFORE:-RIM_AFTER].unflatten(3, (CELL_PX, CELL_PX, CHANNELS))
    rows = cells.permute(0, 1, 3, 2, 4, 5).reshape(len(pairs), INPUT_PX, INPUT_PX, CHANNELS)
    rendered, observed = rows.permute(0, 3, 1, 2).chunk(2)
    return rendered, observed


class _Trunk:
    """From packed pairs to tokens.

    Args:
        network: Folded, on its device and of its type.
        pair: Its encoder of single pictures.
        joint: Its encoder of pairs.
    """

    def __init__(self, network: RefineNet | ScoreNet, pair: nn.Sequential, joint: nn.Sequential) -> None:
        first = cast("ConvBlock", pair[0]).net[0]
        self._first = _Conv(_of_cells(cast("nn.Conv2d", first).weight), cast("nn.Conv2d", first).bias, 1, 0)
        self._pair, self._joint = _blocks(list(pair)[1:]), _blocks(joint)
        self._places = network.pos_embed.pe

    def tokens(self, pairs: Tensor) -> Tensor:
        """(N, 400, 512) of (2 N, *``PACKED``)."""
        x = _through(self._pair, self._first(pairs.permute(0, 3, 1, 2)))
        both = torch.cat(x.chunk(2), dim=1).contiguous(memory_format=torch.channels_last)
        return _through(self._joint, both).permute(0, 2, 3, 1).flatten(1, 2) + self._places


class FusedRefiner:
    """``RefineNet``.

    Args:
        network: It is changed: folded, moved, of another type.
        device: Where it runs.
        dtype: Of its numbers.
    """

    def __init__(self, network: RefineNet, device: torch.device, dtype: torch.dtype) -> None:
        _ready(network, device, dtype)
        self._trunk = _Trunk(network, network.encodeA, network.encodeAB)
        heads = [network.trans_head, network.rot_head]
        self._layers = [cast("nn.TransformerEncoderLayer", head[0]) for head in heads]
        self._last = [head[1].float() for head in heads]
        self._in = torch.cat([layer.self_attn.in_proj_weight for layer in self._layers])
        self._in_bias = torch.cat([layer.self_attn.in_proj_bias for layer in self._layers])

    def __call__(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Raw translation (N, 3) and rotation (N, 3 or 6), float32, of (2 N, *``PACKED``)."""
        tokens = self._trunk.tokens(pairs)
        asked = nn.functional.linear(tokens, self._in, self._in_bias).split(3 * WIDTH, dim=-1)
        trans, rot = (
            last(_transformed(layer, tokens, one).mean(dim=1, dtype=torch.float32))
            for layer, last, one in zip(self._layers, self._last, asked, strict=True)
        )
        return trans, rot


class FusedScorer:
    """``ScoreNet``; see ``FusedRefiner`` for the arguments."""

    def __init__(self, network: ScoreNet, device: torch.device, dtype: torch.dtype) -> None:
        _ready(network, device, dtype)
        self._trunk = _Trunk(network, network.encoderA, network.encoderAB)
        self._network = network

    def features(self, pairs: Tensor) -> Tensor:
        """(N, 512), what is seen of each pose by itself, of (2 N, *``PACKED``)."""
        attention, tokens = self._network.att, self._trunk.tokens(pairs)
        asked = nn.functional.linear(tokens, attention.in_proj_weight, attention.in_proj_bias)
        return attention.out_proj(_attended(asked).mean(dim=1, dtype=torch.float32).to(tokens.dtype))

    def rank(self, features: Tensor) -> Tensor:
        """See ``ScoreNet.rank``."""
        return self._network.rank(features)


def _ready(network: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
    folded(network)
    network.to(device, dtype).to(memory_format=torch.channels_last)


def _of_cells(weight: Tensor) -> Tensor:
    """A (D, 6, 7, 7) kernel of stride 2 as one of cells, (D, 24, 4, 4).

    Tap k is of pixel k - 3, which is in cell floor((k - 3) / 2).
    """
    out = weight.new_zeros(len(weight), CELL_PX, CELL_PX, CHANNELS, _TAPS, _TAPS)
    for row in range(weight.shape[2]):
        for column in range(weight.shape[3]):
            (cell_y, y), (cell_x, x) = divmod(row - 3, CELL_PX), divmod(column - 3, CELL_PX)
            out[:, y, x, :, cell_y + RIM_BEFORE, cell_x + RIM_BEFORE] = weight[:, :, row, column]
    return out.flatten(1, 3).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True, slots=True, eq=False)
class _Conv:
    """A convolution with its bias, and a ReLU after it."""

    weight: Tensor
    bias: Tensor | None
    stride: int
    padding: int

    @staticmethod
    def of(module: nn.Module) -> "_Conv":
        conv = cast("nn.Conv2d", module)
        return _Conv(conv.weight, conv.bias, conv.stride[0], cast("int", conv.padding[0]))

    def __call__(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """Before the ReLU a residual is added, if any."""
        if not x.is_cuda:
            out = nn.functional.conv2d(x, self.weight, self.bias, self.stride, self.padding)
            return (out if residual is None else out.add_(residual)).relu_()
        stride, padding, dilation = [self.stride] * 2, [self.padding] * 2, [1, 1]
        if residual is None:
            return torch.cudnn_convolution_relu(x, self.weight, self.bias, stride, padding, dilation, 1)
        return torch.cudnn_convolution_add_relu(x, self.weight, residual, 1.0, self.bias, stride, padding, dilation, 1)


def _blocks(modules: Iterable[nn.Module]) -> list[tuple[_Conv, ...]]:
    """One convolution each of ``ConvBlock``, two of ``ResidualBlock``."""
    out: list[tuple[_Conv, ...]] = []
    for module in modules:
        parts = [module.net[0]] if isinstance(module, ConvBlock) else [module.conv1, module.conv2]
        out.append(tuple(_Conv.of(cast("nn.Module", part)) for part in parts))
    return out


def _through(blocks: Sequence[tuple[_Conv, ...]], x: Tensor) -> Tensor:
    for first, *second in blocks:
        inner = first(x)
        x = second[0](inner, x) if second else inner
    return x


def _attended(asked: Tensor) -> Tensor:
    """(N, L, 512) of queries, keys and values (N, L, 1536) in heads, before the output layer."""
    query, key, value = asked.unflatten(-1, (3, HEADS, WIDTH // HEADS)).permute(2, 0, 3, 1, 4)
    return nn.functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


def _transformed(layer: nn.TransformerEncoderLayer, tokens: Tensor, asked: Tensor) -> Tensor:
    """``layer`` of tokens, whose queries, keys and values are known."""
    first = layer.norm1(tokens + layer.self_attn.out_proj(_attended(asked)))
    return layer.norm2(first + layer.linear2(layer.linear1(first).relu_()))
