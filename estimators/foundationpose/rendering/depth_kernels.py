"""``depth``'s filters as warp kernels: the same operations, a thread a pixel of any picture."""

from functools import cache
from typing import Any

import torch
import warp as wp
from torch import Tensor

from estimators.foundationpose.depth import FARTHEST_M, NEAREST_M, RADIUS_PX, WEIGHTS
from estimators.foundationpose.rendering.warp import launch

wp.set_module_options({"enable_backward": False})

_NEAR, _FAR = wp.constant(NEAREST_M), wp.constant(FARTHEST_M)
_RADIUS = wp.constant(RADIUS_PX)


@wp.func
def valid(depth: wp.float32):
    """Whether it is a measurement."""
    return depth >= _NEAR and depth < _FAR


@wp.kernel
def erode(pointers: wp.array2d[wp.uint64], sizes: wp.array2d[wp.int32]):
    """See ``depth.eroded``: of each row's first picture into its second; what is not finite is unknown."""
    n, pixel = wp.tid()
    height, width = sizes[n, 0], sizes[n, 1]
    if pixel >= height * width:
        return
    depth = wp.array(ptr=pointers[n, 0], shape=(height, width), dtype=wp.float32)
    out = wp.array(ptr=pointers[n, 1], shape=(height, width), dtype=wp.float32)
    v, u = pixel / width, pixel % width
    center = depth[v, u]
    if not wp.isfinite(center):
        center = 0.0
    bad, count = float(0.0), float(0.0)
    for y in range(wp.max(0, v - _RADIUS), wp.min(height, v + _RADIUS + 1)):
        for x in range(wp.max(0, u - _RADIUS), wp.min(width, u + _RADIUS + 1)):
            count += 1.0
            if not valid(depth[y, x]) or wp.abs(depth[y, x] - center) > 0.001:
                bad += 1.0
    if bad / count > 0.8:
        center = 0.0
    out[v, u] = center


@wp.kernel
def smooth(pointers: wp.array2d[wp.uint64], sizes: wp.array2d[wp.int32], weights_px: wp.array2d[wp.float32]):
    """See ``depth.smoothed``: of each row's second picture into its third."""
    n, pixel = wp.tid()
    height, width = sizes[n, 0], sizes[n, 1]
    if pixel >= height * width:
        return
    depth = wp.array(ptr=pointers[n, 1], shape=(height, width), dtype=wp.float32)
    out = wp.array(ptr=pointers[n, 2], shape=(height, width), dtype=wp.float32)
    v, u = pixel / width, pixel % width
    top, bottom = wp.max(0, v - _RADIUS), wp.min(height, v + _RADIUS + 1)
    left, right = wp.max(0, u - _RADIUS), wp.min(width, u + _RADIUS + 1)
    total, count = float(0.0), float(0.0)
    for x in range(left, right):
        for y in range(top, bottom):
            if valid(depth[y, x]):
                total += depth[y, x]
                count += 1.0
    mean = total / wp.max(count, 1.0)
    weights = float(0.0)
    total = float(0.0)
    for x in range(left, right):
        for y in range(top, bottom):
            d = depth[y, x]
            if valid(d) and wp.abs(d - mean) < 0.01:
                weight = weights_px[y - v + _RADIUS, x - u + _RADIUS]
                total += weight * d
                weights += weight
    if weights > 0.0:
        total = total / weights
    out[v, u] = total


def filter_there(pointers: Tensor, sizes: Tensor, most_px: int) -> None:
    """``depth.filtered`` of pictures of any sizes where they lie; what is not finite counts as unknown.

    Args:
        pointers: (N, 3) int64, on the device: addresses of (H, W) float32 as measured, of memory for what comes
            between, and of what comes out.
        sizes: (N, 2) int32, on the device: H and W.
        most_px: Pixels of the largest.
    """
    inputs: list[Any] = [wp.from_torch(pointers, wp.uint64), wp.from_torch(sizes)]
    dim = (len(pointers), most_px)
    launch(erode, dim, inputs, pointers.device)
    launch(smooth, dim, [*inputs, wp.from_torch(_weights(pointers.device))], pointers.device)


@cache
def _weights(device: torch.device) -> Tensor:
    return torch.tensor(WEIGHTS, device=device)
