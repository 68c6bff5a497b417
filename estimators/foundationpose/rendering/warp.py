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
        self._name = str(device) if device.type == "cuda" else "cpu"

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
        with self._stream():
            self._launch(
                kernels.place, (count, vertices), [mesh.vertices, mesh.normals, *view, size[0], size[1], placed, seen]
            )
            self._launch(kernels.cover, (count, mesh.faces.shape[0]), [seen, mesh.faces, size[0], size[1], keys])
            looks = [mesh.uv, mesh.texture, mesh.colors]
            self._launch(kernels.shade, (count, *size), [placed, seen, mesh.faces, *looks, keys, picture])
        return out

    def _launch(self, kernel: Any, dim: tuple[int, ...], inputs: list[Any]) -> None:  # noqa: ANN401 - warp's kernels
        wp.launch(kernel, dim, inputs=inputs, device=self._name)

    def _kept(self, tensor: Tensor, dtype: Any) -> Any:  # noqa: ANN401 - warp's types
        return wp.from_torch(tensor.to(self.device).contiguous(), dtype)

    @contextmanager
    def _stream(self) -> Generator[None]:
        """Torch's current stream as warp's; nothing on the CPU."""
        if self.device.type != "cuda":
            yield
            return
        with wp.ScopedStream(wp.stream_from_torch(torch.cuda.current_stream(self.device))):
            yield
