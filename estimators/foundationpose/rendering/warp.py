"""``CropRenderer`` by warp-lang: on CUDA what runs by default, on the CPU the same kernels for tests."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import warp as wp
from torch import Tensor

from estimators.foundationpose.rendering import kernels
from estimators.foundationpose.surface import Surface


@contextmanager
def on_stream(device: torch.device) -> Generator[str]:
    """Have warp's launches queued on torch's current stream; gives warp's name of the device."""
    if device.type != "cuda":
        yield "cpu"
        return
    with wp.ScopedStream(wp.stream_from_torch(torch.cuda.current_stream(device))):
        yield str(device)


@dataclass(frozen=True, slots=True, eq=False)
class WarpMesh:
    """A surface's arrays on the device, as the kernels take them."""

    vertices: Any
    normals: Any
    faces: Any
    uv: Any
    texture: Any
    colors: Any


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
        none, blank = torch.zeros(0, 2), torch.zeros(1, 1, 3, dtype=torch.uint8)
        uv = none if surface.uv is None else torch.tensor(surface.uv)
        texture = blank if surface.texture is None else torch.tensor(surface.texture)
        return WarpMesh(
            self._kept(torch.tensor(surface.vertices_m), wp.vec3),
            self._kept(torch.tensor(surface.normals), wp.vec3),
            self._kept(torch.tensor(surface.faces), wp.int32),
            self._kept(uv, wp.vec2),
            self._kept(texture, wp.uint8),
            self._kept(torch.tensor(surface.painted()), wp.uint8),
        )

    def render(self, mesh: WarpMesh, cam_from_obj: Tensor, K: Tensor, window: Tensor, size: tuple[int, int]) -> Tensor:
        """See ``CropRenderer.render``."""
        count, vertices = len(cam_from_obj), mesh.vertices.shape[0]
        out = torch.zeros(count, 6, *size, device=self.device)
        if count == 0:
            return out
        nearest = torch.full((count, *size), int(kernels.NOTHING), dtype=torch.int64, device=self.device)
        points = torch.empty(count, vertices, 3, device=self.device)
        screen = torch.empty(count, vertices, 4, device=self.device)
        poses, cameras, windows = (part.contiguous() for part in (cam_from_obj, K, window))
        view = [wp.from_torch(poses, wp.mat44), wp.from_torch(cameras, wp.mat33), wp.from_torch(windows, wp.vec4)]
        placed, seen = wp.from_torch(points, wp.vec3), wp.from_torch(screen, wp.vec4)
        keys, picture = wp.from_torch(nearest), wp.from_torch(out)
        looks = [mesh.uv, mesh.texture, mesh.colors]
        launches: list[tuple[Any, tuple[int, ...], list[Any]]] = [
            (kernels.place, (count, vertices), [mesh.vertices, mesh.normals, *view, *size, placed, seen]),
            (kernels.cover, (count, mesh.faces.shape[0]), [seen, mesh.faces, *size, keys]),
            (kernels.shade, (count, *size), [placed, seen, mesh.faces, *looks, keys, picture]),
        ]
        with on_stream(self.device) as name:
            for kernel, dim, inputs in launches:
                wp.launch(kernel, dim, inputs=inputs, device=name)
        return out

    def _kept(self, tensor: Tensor, dtype: Any) -> Any:  # noqa: ANN401 - warp's types
        return wp.from_torch(tensor.to(self.device).contiguous(), dtype)
