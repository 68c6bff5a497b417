"""Frames to a GPU: one copy for some frames, beside the work that goes on there, and all filtered in one go."""

import ctypes
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from estimators.foundationpose.rendering.depth_kernels import filter_there
from estimators.foundationpose.scene import Scene
from schemas import Frame
from schemas.arrays import Array

_ALIGNED = 16


class Uploader:
    """Takes frames to a device by way of memory that the GPU reads by itself.

    Args:
        device: A CUDA device, or the CPU for tests.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def __call__(self, frames: Sequence[Frame]) -> list[Scene]:
        """Scenes of frames; numbers in their depth that are not finite count as unknown. Nothing is waited for."""
        sizes = [(frame.camera.height, frame.camera.width) for frame in frames]
        starts = np.cumsum([0, *(_aligned(height * width * 7) for height, width in sizes)]).tolist()
        staged = torch.empty(starts[-1], dtype=torch.uint8, pin_memory=self._stream is not None)
        depths: list[Tensor] = []
        colors: list[Tensor] = []
        for frame, (height, width), start in zip(frames, sizes, starts[:-1], strict=True):
            middle = start + 4 * height * width
            if frame.depth_m is None:
                staged[start:middle] = 0
            else:
                staged[start:middle].copy_(_bytes(frame.depth_m))
            staged[middle : middle + 3 * height * width].copy_(_bytes(frame.rgb))
        there = self._copied(staged)
        for (height, width), start in zip(sizes, starts[:-1], strict=True):
            middle, end = start + 4 * height * width, start + 7 * height * width
            depths.append(there[start:middle].view(torch.float32).view(height, width))
            colors.append(there[middle:end].view(height, width, 3))
        smooth = filter_there(depths)
        return [
            Scene(rgb, depth, frame.camera.K) for frame, rgb, depth in zip(frames, colors, smooth, strict=True)
        ]

    def _copied(self, staged: Tensor) -> Tensor:
        """The same on the device; what is queued there afterwards waits for it, what was before does not hold it up."""
        if self._stream is None:
            return staged
        with torch.cuda.stream(self._stream):
            there = staged.to(self._device, non_blocking=True)
        current = torch.cuda.current_stream(self._device)
        current.wait_stream(self._stream)
        there.record_stream(current)
        return there


def _aligned(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED


def _bytes(array: Array) -> Tensor:
    """A contiguous array's bytes; torch warns of arrays that cannot be written, though they are only read here."""
    return torch.frombuffer((ctypes.c_char * array.nbytes).from_address(array.ctypes.data), dtype=torch.uint8)
