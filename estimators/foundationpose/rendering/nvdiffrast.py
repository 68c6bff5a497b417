"""``CropRenderer`` by nvdiffrast, where the user has installed it; its licence allows no commercial use."""

import importlib
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estimators.foundationpose.rendering.base import AMBIENT, DIFFUSE
from estimators.foundationpose.rendering.projection import clip_of
from estimators.foundationpose.surface import Surface


@dataclass(frozen=True, slots=True, eq=False)
class NvdiffrastMesh:
    """A surface on the GPU.

    Attributes:
        vertices: (V, 3) float32.
        normals: (V, 3) float32.
        faces: (F, 3) int32.
        base: (V, 3) float32 colours from 0 to 1, or (V, 2) texture coordinates, v downwards.
        texture: (1, Ht, Wt, 3) float32 from 0 to 1; None without one.
    """

    vertices: Tensor
    normals: Tensor
    faces: Tensor
    base: Tensor
    texture: Tensor | None


class NvdiffrastCropRenderer:
    """``CropRenderer``.

    Args:
        device: A CUDA device.

    Raises:
        ModuleNotFoundError: nvdiffrast is not installed.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._dr: Any = importlib.import_module("nvdiffrast.torch")
        self._context = self._dr.RasterizeCudaContext(device=device)

    def upload(self, surface: Surface) -> NvdiffrastMesh:
        """See ``CropRenderer.upload``."""
        texture = None
        base = torch.tensor(surface.painted(), device=self.device) / 255
        if surface.uv is not None and surface.texture is not None:
            base = torch.tensor(surface.uv, device=self.device) * torch.tensor([1.0, -1.0], device=self.device)
            base[:, 1] += 1
            texture = torch.tensor(surface.texture, device=self.device)[None] / 255
        return NvdiffrastMesh(
            torch.tensor(surface.vertices_m, device=self.device),
            torch.tensor(surface.normals, device=self.device),
            torch.tensor(surface.faces, device=self.device),
            base,
            texture,
        )

    def render(
        self, mesh: NvdiffrastMesh, cam_from_obj: Tensor, K: Tensor, window: Tensor, size: tuple[int, int]
    ) -> Tensor:
        """See ``CropRenderer.render``."""
        rotation = cam_from_obj[:, :3, :3]
        points = mesh.vertices @ rotation.mT + cam_from_obj[:, None, :3, 3]
        light = (-(mesh.normals @ rotation.mT)[..., 2:]).clamp(0, 1)
        clip = clip_of(points, K, window).contiguous()
        hits, _ = self._dr.rasterize(self._context, clip, mesh.faces, resolution=list(size))
        place, _ = self._dr.interpolate(points.contiguous(), hits, mesh.faces)
        lit, _ = self._dr.interpolate(light.contiguous(), hits, mesh.faces)
        base, _ = self._dr.interpolate(mesh.base.expand(len(points), -1, -1).contiguous(), hits, mesh.faces)
        if mesh.texture is not None:
            base = self._dr.texture(mesh.texture, base, filter_mode="linear", boundary_mode="wrap")
        colour = (base * (AMBIENT + DIFFUSE * lit)).clamp(0, 1)
        picture = torch.cat([colour, place], dim=-1) * (hits[..., 3:] > 0)
        return picture.flip(1).permute(0, 3, 1, 2).contiguous()  # its first row is the lowest
