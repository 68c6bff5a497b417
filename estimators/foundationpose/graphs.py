"""Tracking as CUDA graphs: everything from poses to refined poses and their agreement is one launch."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from estimators.foundationpose.device import Device
from estimators.foundationpose.inputs import Group
from estimators.foundationpose.rendering.tables import ROW_BYTES, Row, Tables, packed
from estimators.foundationpose.rendering.warp_batch import WarpBatch, most_faces, rows_of
from estimators.foundationpose.steps import Steps

SIZES = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)
"""Poses that graphs are made for; fewer are filled up with ones that show nothing."""
_POSE_BYTES = 64
_LEAST_FACES = 256
_AHEAD_M = 1.0
_WARM_RUNS = 2


class Graph:
    """A captured launch for so many poses.

    Args:
        size: Poses.
        faces: Of the largest mesh, at most.
        iterations: Of the refiner.
        steps: Of the networks.
        device: A CUDA device.
        pool: Memory that graphs share, as they never run at the same time.
    """

    def __init__(self, size: int, faces: int, iterations: int, steps: Steps, device: Device, pool: Any) -> None:  # noqa: ANN401 - torch's own
        self._size, self._steps, self._iterations = size, steps, iterations
        self._block = torch.zeros(size * (ROW_BYTES + _POSE_BYTES), dtype=torch.uint8, device=device.place)
        self._poses = self._block[size * ROW_BYTES :].view(torch.float32).view(size, 4, 4)
        tables = Tables(self._block[: size * ROW_BYTES], size)
        self._batch = WarpBatch(tables, faces, steps.ratios, device.dtype)
        self._pool = pool
        self._captured: tuple[torch.cuda.CUDAGraph, Tensor, Tensor] | None = None

    def run(self, rows: Sequence[Row], cam_from_obj: Tensor) -> tuple[Tensor, Tensor]:
        """Refined poses and agreements on the device, of N rows and their poses (N, 4, 4) on the CPU."""
        count = len(rows)
        spare = self._size - count
        table = torch.from_numpy(packed([*rows, *[rows[0].without_faces()] * spare]))
        ahead = torch.eye(4).repeat(spare, 1, 1)
        ahead[:, 2, 3] = _AHEAD_M
        poses = torch.cat([cam_from_obj, ahead]).view(-1).view(torch.uint8)
        self._block.copy_(torch.cat([table, poses]).pin_memory(), non_blocking=True)
        if self._captured is None:
            self._captured = self._capture()
        graph, refined, agreement = self._captured
        graph.replay()
        return refined[:count].clone(), agreement[:count].clone()

    def _capture(self) -> tuple[torch.cuda.CUDAGraph, Tensor, Tensor]:
        device = self._block.device
        side = torch.cuda.Stream(device)
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side):
            for _ in range(_WARM_RUNS):  # what libraries set up at first use cannot be captured
                self._run()
        torch.cuda.current_stream(device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            return graph, *self._run()

    def _run(self) -> tuple[Tensor, Tensor]:
        refined = self._steps.refined(self._batch, self._poses, self._iterations)
        return refined, self._steps.agreement(self._batch, refined)


class Graphs:
    """Graphs by size, made as they are needed.

    Args:
        steps: Of the networks.
        device: A CUDA device.
    """

    def __init__(self, steps: Steps, device: Device) -> None:
        self._steps, self._device = steps, device
        self._made: dict[tuple[int, int, int], Graph] = {}
        self._pool = torch.cuda.graph_pool_handle()

    def run(self, groups: Sequence[Group], cam_from_obj: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
        """Refined poses and agreements on the device, of at most ``SIZES[-1]`` poses (N, 4, 4) on the CPU."""
        rows = rows_of(groups)
        size = next(size for size in SIZES if size >= len(rows))
        faces = max(_LEAST_FACES, 1 << (most_faces(groups) - 1).bit_length())
        key = (size, faces, iterations)
        if key not in self._made:
            self._made[key] = Graph(*key, self._steps, self._device, self._pool)
        calls = self._steps.calls
        out = self._made[key].run(rows, cam_from_obj)
        self._steps.calls = calls + iterations
        return out

    def clear(self) -> None:
        """Give their memory back."""
        self._made.clear()
        self._pool = torch.cuda.graph_pool_handle()
