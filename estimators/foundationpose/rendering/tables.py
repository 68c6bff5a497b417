"""Where the kernels find what belongs to each pose: rows of addresses and sizes, one per pose."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from schemas.arrays import Array

RGB, DEPTH, VERTICES, NORMALS, FACES, UV, TEXTURE, COLORS = range(8)
"""Columns of ``Tables.pointers``."""
HEIGHT, WIDTH, VERTEX_COUNT, FACE_COUNT, HEIGHT_T, WIDTH_T = range(6)
"""Columns of ``Tables.counts``; the last two, of the texture, are 0 where there is none."""
_POINTERS, _COUNTS = 8, 8
_CAMERA = slice(0, 9)
_DIAMETER = 9
_NUMBERS = 10
ROW_BYTES = 8 * _POINTERS + 4 * _COUNTS + 8 * _NUMBERS


@dataclass(frozen=True, slots=True)
class Row:
    """What one pose looks at.

    Attributes:
        pointers: (8,) addresses of contiguous arrays on the device.
        counts: (8,).
        numbers: (10,) float64: the camera's matrix row by row, and the diameter in metres.
    """

    pointers: Array
    counts: Array
    numbers: Array

    @staticmethod
    def of(mesh: "Row", rgb: Tensor, depth_m: Tensor, K: Array, diameter_m: float) -> "Row":
        """A mesh's row, completed by a frame's (H, W, 3) uint8, (H, W) float32 and (3, 3)."""
        pointers, counts = mesh.pointers.copy(), mesh.counts.copy()
        pointers[[RGB, DEPTH]] = rgb.data_ptr(), depth_m.data_ptr()
        counts[[HEIGHT, WIDTH]] = depth_m.shape
        return Row(pointers, counts, np.append(np.asarray(K, np.float64).ravel(), diameter_m))

    @staticmethod
    def of_mesh(arrays: Sequence[Tensor], texture_size: tuple[int, int]) -> "Row":
        """A mesh's row.

        Args:
            arrays: Vertices, normals (V, 3) float32, faces (F, 3) int32, uv (V, 2) float32, texture, colours.
            texture_size: Height and width, 0 where there is none.
        """
        pointers, counts = np.zeros(_POINTERS, np.int64), np.zeros(_COUNTS, np.int32)
        pointers[VERTICES:] = [part.data_ptr() for part in arrays]
        counts[[VERTEX_COUNT, FACE_COUNT]] = len(arrays[0]), len(arrays[2])
        counts[[HEIGHT_T, WIDTH_T]] = texture_size
        return Row(pointers, counts, np.zeros(_NUMBERS))

    def without_faces(self) -> "Row":
        """The same with nothing to draw."""
        counts = self.counts.copy()
        counts[FACE_COUNT] = 0
        return Row(self.pointers, counts, self.numbers)


class Tables:
    """Rows for so many poses in one block of memory on the device.

    Attributes:
        pointers: (N, 8) int64.
        counts: (N, 8) int32.
        cameras: (N, 9) float64.
        diameters_m: (N,) float64.

    Args:
        block: (N * ``ROW_BYTES``,) uint8 on the device.
        count: N.
    """

    def __init__(self, block: Tensor, count: int) -> None:
        ends = np.cumsum([0, 8 * _POINTERS, 8 * _NUMBERS, 4 * _COUNTS]) * count
        parts = [block[start:end] for start, end in pairwise(ends.tolist())]
        self.pointers = parts[0].view(torch.int64).view(count, _POINTERS)
        numbers = parts[1].view(torch.float64).view(_NUMBERS, count)
        self.diameters_m = numbers[_DIAMETER]
        self.cameras = numbers[_CAMERA].view(-1).view(count, 9)
        self.counts = parts[2].view(torch.int32).view(count, _COUNTS)


def sent(array: Array, device: torch.device) -> Tensor:
    """An array on a device; nothing waits for the copy."""
    here = torch.from_numpy(array)
    return here.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else here


def packed(rows: Sequence[Row]) -> Array:
    """The block of ``Tables`` for these rows, (N * ``ROW_BYTES``,) uint8."""
    numbers = np.stack([row.numbers for row in rows])
    parts = [
        np.stack([row.pointers for row in rows]),
        np.concatenate([numbers[:, _CAMERA].ravel(), numbers[:, _DIAMETER]]),
        np.stack([row.counts for row in rows]),
    ]
    return np.concatenate([part.reshape(-1).view(np.uint8) for part in parts])
