"""``CropRenderer`` by warp-lang: on CUDA what runs by default, on the CPU the same kernels for tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import warp as wp
from torch import Tensor

from estimators.foundationpose.rendering import cover_kernels, shade_kernels
from estimators.foundationpose.rendering.tables import Row, Tables, packed, sent
from estimators.foundationpose.surface import Surface

_THREADS = 1 << 17  # of a drawing, at least: fewer leave a GPU idle


@dataclass(frozen=True, slots=True, eq=False)
class WarpMesh:
    """A surface on the device.

    Attributes:
        arrays: What its row of ``Tables`` points to.
        row: That row, without a frame.
        faces: How many it has.
    """

    arrays: tuple[Tensor, ...]
    row: Row
    faces: int


class WarpCropRenderer:
    """``CropRenderer``; its launches are queued on torch's stream, so nothing waits for them.

    Args:
        device: A CUDA device or the CPU.
    """

    def __init__(self, device: torch.device) -> None:
        wp.config.log_level = wp.LOG_WARNING
        wp.init()
        self.device = device

    def upload(self, surface: Surface) -> WarpMesh:
        """See ``CropRenderer.upload``."""
        none, blank = torch.zeros(1, 2), torch.zeros(1, 1, 3, dtype=torch.uint8)
        arrays = (
            torch.tensor(surface.vertices_m),
            torch.tensor(surface.normals),
            torch.tensor(surface.faces),
            none if surface.uv is None else torch.tensor(surface.uv),
            blank if surface.texture is None else torch.tensor(surface.texture),
            torch.tensor(surface.painted()),
        )
        there = tuple(part.to(self.device).contiguous() for part in arrays)
        size = (0, 0) if surface.texture is None else surface.texture.shape[:2]
        return WarpMesh(there, Row.of_mesh(there, size), len(surface.faces))

    def render(self, mesh: WarpMesh, cam_from_obj: Tensor, K: Tensor, window: Tensor, size: tuple[int, int]) -> Tensor:
        """See ``CropRenderer.render``."""
        count = len(cam_from_obj)
        out = torch.zeros(count, 6, *size, device=self.device)
        if count == 0:
            return out
        tables = Tables(sent(packed([mesh.row] * count), self.device), count)
        eyes = [
            wp.from_torch(cam_from_obj.contiguous(), wp.mat44),
            wp.from_torch(K.double().contiguous(), wp.mat33d),
            wp.from_torch(window.contiguous(), wp.vec4),
            *addresses(tables),
        ]
        nearest = torch.empty(count, *size, dtype=torch.int64, device=self.device)
        cover(eyes, nearest, mesh.faces)
        launch(shade_kernels.shade, (count, *size), [*eyes, wp.from_torch(nearest), wp.from_torch(out)], self.device)
        return out


def addresses(tables: Tables) -> list[Any]:
    """Pointers and counts of tables for kernels."""
    return [wp.from_torch(tables.pointers, wp.uint64), wp.from_torch(tables.counts)]


def cover(eyes: Sequence[Any], nearest: Tensor, faces: int) -> None:
    """Fill ``nearest`` (N, height, width) int64; see ``cover_kernels.cover``.

    Args:
        eyes: Poses, cameras, windows, pointers and counts.
        nearest: Is overwritten.
        faces: Of the mesh that has most.
    """
    count, height, _ = nearest.shape
    nearest.fill_(int(cover_kernels.NOTHING))
    slices = min(max(1, _THREADS // (count * faces)), height)
    inputs = [*eyes, slices, wp.from_torch(nearest)]
    launch(cover_kernels.cover, (count, slices, faces), inputs, nearest.device)


def launch(kernel: Any, dim: Sequence[int], inputs: list[Any], device: torch.device) -> None:  # noqa: ANN401
    """Queue a kernel on torch's current stream; also while a CUDA graph is captured."""
    if device.type != "cuda":
        wp.launch(kernel, tuple(dim), inputs=inputs, device="cpu")
        return
    stream = wp.stream_from_torch(torch.cuda.current_stream(device))
    wp.launch(kernel, tuple(dim), inputs=inputs, stream=stream)
