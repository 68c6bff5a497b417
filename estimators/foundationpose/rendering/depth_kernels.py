"""``estimators.foundationpose.depth``'s filters as warp kernels: the same operations, a thread a pixel."""

from typing import Any

import torch
import warp as wp
from torch import Tensor

from estimators.foundationpose.depth import FARTHEST_M, NEAREST_M, RADIUS_PX
from estimators.foundationpose.rendering.warp import on_stream

wp.set_module_options({"enable_backward": False})

_NEAR, _FAR = wp.constant(NEAREST_M), wp.constant(FARTHEST_M)
_RADIUS = wp.constant(RADIUS_PX)


@wp.func
def valid(depth: wp.float32):
    """Whether it is a measurement."""
    return depth >= _NEAR and depth < _FAR


@wp.kernel
def erode(depth: wp.array2d[wp.float32], out: wp.array2d[wp.float32]):
    """See ``depth.eroded``."""
    v, u = wp.tid()
    center = depth[v, u]
    bad, count = float(0.0), float(0.0)
    for y in range(wp.max(0, v - _RADIUS), wp.min(depth.shape[0], v + _RADIUS + 1)):
        for x in range(wp.max(0, u - _RADIUS), wp.min(depth.shape[1], u + _RADIUS + 1)):
            count += 1.0
            if not valid(depth[y, x]) or wp.abs(depth[y, x] - center) > 0.001:
                bad += 1.0
    if bad / count > 0.8:
        center = 0.0
    out[v, u] = center


@wp.kernel
def smooth(depth: wp.array2d[wp.float32], out: wp.array2d[wp.float32]):
    """See ``depth.smoothed``."""
    v, u = wp.tid()
    top, bottom = wp.max(0, v - _RADIUS), wp.min(depth.shape[0], v + _RADIUS + 1)
    left, right = wp.max(0, u - _RADIUS), wp.min(depth.shape[1], u + _RADIUS + 1)
    total, count = float(0.0), float(0.0)
    for x in range(left, right):
        for y in range(top, bottom):
            if valid(depth[y, x]):
                total += depth[y, x]
                count += 1.0
    mean = total / wp.max(count, 1.0)
    center, weights = depth[v, u], float(0.0)
    total = float(0.0)
    for x in range(left, right):
        for y in range(top, bottom):
            d = depth[y, x]
            if valid(d) and wp.abs(d - mean) < 0.01:
                apart = float((x - u) * (x - u) + (y - v) * (y - v))
                weight = wp.exp(-apart / 8.0 - (center - d) * (center - d) / 2.0e10)
                total += weight * d
                weights += weight
    if weights > 0.0:
        total = total / weights
    out[v, u] = total


def filtered_there(depth_m: Tensor) -> Tensor:
    """``depth.filtered`` of (H, W) float32 where it lies, on a CUDA device or the CPU."""
    wp.init()
    eroded, out = torch.empty_like(depth_m), torch.empty_like(depth_m)
    given, between, smoothed = (wp.from_torch(tensor) for tensor in (depth_m.contiguous(), eroded, out))
    steps: list[tuple[Any, Any, Any]] = [(erode, given, between), (smooth, between, smoothed)]
    with on_stream(depth_m.device) as device:
        for kernel, source, target in steps:
            wp.launch(kernel, depth_m.shape, inputs=[source, target], device=device)
    return out
