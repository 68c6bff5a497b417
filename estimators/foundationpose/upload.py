"""Frames to a GPU: one copy each, all filtered in one go."""

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
    """Takes frames to a device by way of memory that the GPU reads by itself, which is kept.

    Args:
        device: A CUDA device, or the CPU for tests.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._staged = torch.empty(0, dtype=torch.uint8)
        self._copied: torch.cuda.Event | None = None

    def __call__(self, frames: Sequence[Frame]) -> list[Scene]:
        """Scenes of frames; numbers in their depth that are not finite count as unknown. Nothing is waited for."""
        sizes = [(frame.camera.height, frame.camera.width) for frame in frames]
        starts = np.cumsum([0, *(_aligned(height * width * 7) for height, width in sizes)])
        staged = self._room(int(starts[-1]))
        there = torch.empty(int(starts[-1]), dtype=torch.uint8, device=self._device)
        raw: list[tuple[Tensor, Tensor]] = []
        for frame, (height, width), start in zip(frames, sizes, starts[:-1].tolist(), strict=True):
            middle, end = start + 4 * height * width, start + 7 * height * width
            if frame.depth_m is None:
                staged[start:middle] = 0
            else:
                staged[start:middle].copy_(_bytes(frame.depth_m))
            staged[middle:end].copy_(_bytes(frame.rgb))
            there[start:end].copy_(staged[start:end], non_blocking=True)
            depth = there[start:middle].view(torch.float32).view(height, width)
            raw.append((depth, there[middle:end].view(height, width, 3)))
        if self._device.type == "cuda":
            self._copied = torch.cuda.Event()
            self._copied.record()
        smooth = filter_there([depth for depth, _ in raw])
        return [Scene(rgb, depth, frame.camera.K) for frame, (_, rgb), depth in zip(frames, raw, smooth, strict=True)]

    def _room(self, size: int) -> Tensor:
        """Memory of at least so many bytes that no copy reads from any more."""
        if self._copied is not None:
            self._copied.synchronize()
        if len(self._staged) < size:
            self._staged = torch.empty(size, dtype=torch.uint8, pin_memory=self._device.type == "cuda")
        return self._staged


def _aligned(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED


def _bytes(array: Array) -> Tensor:
    """A contiguous array's bytes; torch warns of arrays that cannot be written, though they are only read here."""
    return torch.frombuffer((ctypes.c_char * array.nbytes).from_address(array.ctypes.data), dtype=torch.uint8)
