"""``CropRenderer`` on the CPU, compiled by numba."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from estimators.foundationpose.rendering.raster import draw
from estimators.foundationpose.surface import Surface
from schemas.arrays import Array, checked

# read-only like the arrays of a surface: numba compiles once more for arrays that could be written
_NO_UV = checked("uv", np.zeros((0, 2)), (0, 2), np.float32)
_NO_TEXTURE = checked("texture", np.zeros((1, 1, 3), np.uint8), (1, 1, 3), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class NumbaMesh:
    """A surface, and its uv, texture and colours as the kernels take them."""

    surface: Surface
    looks: tuple[Array, Array, Array]


class NumbaCropRenderer:
    """``CropRenderer``; holds no GIL while it draws."""

    device = torch.device("cpu")

    def upload(self, surface: Surface) -> NumbaMesh:
        """See ``CropRenderer.upload``."""
        uv = _NO_UV if surface.uv is None else surface.uv
        texture = _NO_TEXTURE if surface.texture is None else surface.texture
        return NumbaMesh(surface, (uv, texture, surface.painted()))

    def render(self, mesh: NumbaMesh, cam_from_obj: Tensor, K: Tensor, window: Tensor, size: tuple[int, int]) -> Tensor:
        """See ``CropRenderer.render``."""
        out = torch.zeros(len(cam_from_obj), 6, *size)
        body, poses, views = mesh.surface, _plain(cam_from_obj), (_plain(K), _plain(window))
        draw(body.vertices_m, body.faces, body.normals, mesh.looks, poses, *views, out.numpy())
        return out


def _plain(tensor: Tensor) -> Array:
    """The same numbers as a contiguous float32 array."""
    return np.ascontiguousarray(tensor.numpy(), np.float32)
