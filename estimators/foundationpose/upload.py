"""Frames to a GPU: one copy for some frames, beside the work that goes on there, and all filtered in one go."""

import ctypes
from collections.abc import Sequence

import numpy as np
import torch
import warp as wp
from torch import Tensor

from estimators.foundationpose.rendering.depth_kernels import filter_there
from estimators.foundationpose.scene import Scene
from schemas import Frame
from schemas.arrays import Array

_ROW_BYTES = 3 * 8 + 2 * 4  # of a frame in what the filters are told: three addresses, height and width
_PIXEL_BYTES = 4 + 3  # depth and colour
_ALIGNED = 16


class Uploader:
    """Takes frames to a device by way of memory that the GPU reads by itself.

    Args:
        device: A CUDA device, or the CPU for tests.
    """

    def __init__(self, device: torch.device) -> None:
        wp.config.log_level = wp.LOG_WARNING
        wp.init()
        self._device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def __call__(self, frames: Sequence[Frame]) -> list[Scene]:
        """Scenes of frames; numbers in their depth that are not finite count as unknown. Nothing is waited for."""
        if not frames:
            return []
        sizes = [(frame.camera.height, frame.camera.width) for frame in frames]
        pixels = [height * width for height, width in sizes]
        table = _aligned(_ROW_BYTES * len(frames))
        starts = np.cumsum([table, *(_aligned(count * _PIXEL_BYTES) for count in pixels)]).tolist()
        staged = torch.empty(starts[-1], dtype=torch.uint8, pin_memory=self._stream is not None)
        for frame, count, start in zip(frames, pixels, starts[:-1], strict=True):
            _write(frame, staged[start : start + count * _PIXEL_BYTES])
        there, filtered = self._room(starts[-1]), torch.empty(2, sum(pixels), device=self._device)
        between, smooth = (half.split(pixels) for half in filtered)
        firsts = [there.data_ptr() + start for start in starts[:-1]]
        rows = _table([firsts, [part.data_ptr() for part in between], [part.data_ptr() for part in smooth]], sizes)
        staged[: _ROW_BYTES * len(frames)].copy_(_bytes(rows))
        self._copy(staged, there)
        _filter(there, sizes)
        return [
            Scene(_colors(there[start:], size), depth.view(size), frame.camera.K)
            for frame, size, start, depth in zip(frames, sizes, starts[:-1], smooth, strict=True)
        ]

    def _room(self, size: int) -> Tensor:
        """Memory on the device that nothing there uses still."""
        if self._stream is None:
            return torch.empty(size, dtype=torch.uint8)
        with torch.cuda.stream(self._stream):
            return torch.empty(size, dtype=torch.uint8, device=self._device)

    def _copy(self, staged: Tensor, there: Tensor) -> None:
        """What is queued on the device afterwards waits for the copy; what was before does not hold it up."""
        if self._stream is None:
            there.copy_(staged)
            return
        with torch.cuda.stream(self._stream):
            there.copy_(staged, non_blocking=True)
        current = torch.cuda.current_stream(self._device)
        current.wait_stream(self._stream)
        there.record_stream(current)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED


def _write(frame: Frame, out: Tensor) -> None:
    """A frame's depth, then its colour."""
    middle = out.numel() // _PIXEL_BYTES * 4
    if frame.depth_m is None:
        out[:middle] = 0
    else:
        out[:middle].copy_(_bytes(frame.depth_m))
    out[middle:].copy_(_bytes(frame.rgb))


def _colors(frame: Tensor, size: tuple[int, int]) -> Tensor:
    """(H, W, 3) of what ``_write`` wrote."""
    count = size[0] * size[1]
    return frame[4 * count : 7 * count].view(*size, 3)


def _table(pointers: Sequence[Sequence[int]], sizes: Sequence[tuple[int, int]]) -> Array:
    """The bytes of what ``filter_there`` takes: three addresses of each frame, then their sizes."""
    addresses = np.ascontiguousarray(np.array(pointers, np.int64).T)
    return np.concatenate([part.reshape(-1).view(np.uint8) for part in (addresses, np.array(sizes, np.int32))])


def _filter(there: Tensor, sizes: Sequence[tuple[int, int]]) -> None:
    """Depth of all frames, by the table at the start of their memory."""
    count = len(sizes)
    pointers = there[: 24 * count].view(torch.int64).view(count, 3)
    where = there[24 * count : _ROW_BYTES * count].view(torch.int32).view(count, 2)
    filter_there(pointers, where, max(height * width for height, width in sizes))


def _bytes(array: Array) -> Tensor:
    """A contiguous array's bytes, to be read while it is there; torch warns of arrays that cannot be written."""
    return torch.frombuffer((ctypes.c_char * array.nbytes).from_address(array.ctypes.data), dtype=torch.uint8)
