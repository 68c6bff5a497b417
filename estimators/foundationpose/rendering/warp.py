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
from schemas.arrays import Array

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
        blank = torch.zeros(1, 1, 3, dtype=torch.uint8, device=device)
        self._nothing = torch.zeros(1, 2, device=device), blank  # in place of uv and texture that there are not

    def upload(self, surface: Surface) -> WarpMesh:
        """See ``CropRenderer.upload``."""
        body = (surface.vertices_m, surface.normals, surface.faces, surface.painted())
        vertices_m, normals, faces, painted = (self._sent(part) for part in body)
        uv, texture = (None if part is None else self._sent(part) for part in (surface.uv, surface.texture))
        return self.adopted(vertices_m, normals, faces, painted, uv, texture)

    def _sent(self, array: Array) -> Tensor:
        return torch.tensor(array).to(self.device).contiguous()

    def adopted(
        self,
        vertices_m: Tensor,
        normals: Tensor,
        faces: Tensor,
        painted: Tensor,
        uv: Tensor | None,
        texture: Tensor | None,
    ) -> WarpMesh:
        """The same of arrays that are on the device already, contiguous; see ``Surface`` for shapes and types."""
        none, blank = self._nothing
        size = (0, 0) if texture is None else (texture.shape[0], texture.shape[1])
        looks = (none if uv is None else uv, blank if texture is None else texture, painted)
        there = (vertices_m, normals, faces, *looks)
        return WarpMesh(there, Row.of_mesh(there, size), len(faces))

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
