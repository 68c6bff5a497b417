"""Crops of made scenes as the networks take them, many at once, by the code that makes those of real frames."""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from estimators.foundationpose.batch import Batch, TorchBatch
from estimators.foundationpose.config import INPUT_PX
from estimators.foundationpose.fused import unpacked
from estimators.foundationpose.inputs import Group
from estimators.foundationpose.rendering import make_renderer
from estimators.foundationpose.scene import Scene
from estimators.foundationpose.surface import Surface
from estimators.foundationpose.training.overdrawn import observed_window, overdrawn
from estimators.foundationpose.training.shipment import Content, Parts, Shipment
from estimators.foundationpose.window import crop_from_image
from schemas.arrays import Array


class Cropper:
    """Makes the networks' pictures on their device.

    Args:
        device: Of the networks; scenes go there as they are, and are cropped and drawn there.
        renderer: See ``make_renderer``.

    Raises:
        BadJob: See ``make_renderer``.
    """

    def __init__(self, device: torch.device, renderer: str = "auto") -> None:
        self._renderer: Any = make_renderer(device, renderer)
        self._device, self._by_numba = device, device.type == "cpu" and renderer != "warp"

    def refine(self, shipment: Shipment, starts: Array, crop_ratio: float) -> tuple[Tensor, Tensor]:
        """Rendered and observed as ``RefineNet`` takes them.

        Args:
            shipment: E scenes.
            starts: (E, N, 4, 4) cam_from_obj, N poses in each scene.
            crop_ratio: Of the network's config.

        Returns:
            Two (E * N, 6, 160, 160) float32, on the device, channels last, scene after scene.

        Raises:
            ValueError: Starts of another shape.
        """
        batch, poses = self._batch(shipment, starts, crop_ratio)
        return unpacked(batch.refine_input(poses))

    def refine_overdrawn(
        self, shipment: Shipment, starts: Array, drawn: Array, crop_ratio: float, seed: int
    ) -> tuple[Tensor, Tensor]:
        """The same, with the object drawn over the last windows of each scene, see ``overdrawn``.

        Args:
            shipment: E scenes.
            starts: (E, N, 4, 4) cam_from_obj.
            drawn: (E, D, 4, 4) cam_from_obj, where it is drawn in the last D windows of a scene.
            crop_ratio: Of the network's config.
            seed: Of all that is random about that.
        """
        there, count = shipment.to(self._device), drawn.shape[1]
        rendered, observed = self.refine(there, starts, crop_ratio)
        if count:
            generator = torch.Generator(self._device).manual_seed(seed)
            looked, at = (self._poses(part).unflatten(0, (-1, count)) for part in (starts[:, -count:], drawn))
            each = zip(there.contents, looked, at, strict=True)
            over = torch.cat([self._drawn(there.parts(one), one, seen, pose, crop_ratio) for one, seen, pose in each])
            diameters_m = torch.tensor([one.diameter_m for one in there.contents]).repeat_interleave(count)
            windows = observed.unflatten(0, starts.shape[:2])[:, -count:]
            centers_m = looked.flatten(0, 1)[:, :3, 3]
            made = overdrawn(windows.flatten(0, 1), over, centers_m, diameters_m.to(self._device), generator)
            windows.copy_(made.view_as(windows))
        return rendered, observed

    def score(self, shipment: Shipment, starts: Array, crop_ratio: float) -> tuple[Tensor, Tensor]:
        """The same as ``ScoreNet`` takes them."""
        batch, poses = self._batch(shipment, starts, crop_ratio)
        return unpacked(batch.score_input(poses))

    def _batch(self, shipment: Shipment, starts: Array, crop_ratio: float) -> tuple[Batch, Tensor]:
        expected = len(shipment.contents)
        if starts.ndim != 4 or starts.shape[0] != expected or starts.shape[2:] != (4, 4):
            msg = f"starts: expected shape ({expected}, any, 4, 4), got {starts.shape}"
            raise ValueError(msg)
        poses = self._poses(starts)
        there = shipment.to(self._device)
        groups = [self._group(there.parts(one), one, starts.shape[1]) for one in there.contents]
        ratios = (crop_ratio, crop_ratio)
        if self._by_numba:
            return TorchBatch(groups, self._renderer, ratios, torch.float32), poses
        from estimators.foundationpose.rendering.warp_batch import WarpBatch

        return WarpBatch.of(groups, self._device, ratios, torch.float32), poses

    def _poses(self, matrices: Array) -> Tensor:
        here = torch.tensor(matrices.reshape(-1, 4, 4), dtype=torch.float32)
        return here.to(self._device, non_blocking=True)

    def _drawn(self, parts: Parts, content: Content, looked: Tensor, at: Tensor, crop_ratio: float) -> Tensor:
        """The object at poses, in the windows of others."""
        K = torch.tensor(content.camera_matrix, device=self._device).expand(len(at), 3, 3)
        diameter_m = torch.tensor(content.diameter_m, dtype=torch.float64, device=self._device)
        crop = crop_from_image(looked[:, :3, 3], K, diameter_m, crop_ratio)
        window = observed_window(crop, (parts.rgb.shape[0], parts.rgb.shape[1]))
        return self._renderer.render(self._mesh(parts, content), at, K.float(), window, (INPUT_PX, INPUT_PX))

    def _group(self, parts: Parts, content: Content, count: int) -> Group:
        seen = Scene(parts.rgb, parts.depth_m, content.camera_matrix)
        return Group(seen, self._mesh(parts, content), content.diameter_m, count)

    def _mesh(self, parts: Parts, content: Content) -> Any:  # noqa: ANN401 - the renderer's own
        if self._by_numba:
            return self._renderer.upload(_surface(parts, content))
        looks = (parts.painted, parts.uv, parts.texture)
        return self._renderer.adopted(parts.vertices_m, parts.normals, parts.faces, *looks)


@lru_cache(4)
def cropper(device: torch.device) -> Cropper:
    """One for all batches of a process."""
    return Cropper(device)


def _surface(parts: Parts, content: Content) -> Surface:
    uv, texture = (None if part is None else part.numpy() for part in (parts.uv, parts.texture))
    body = (parts.vertices_m.numpy(), parts.faces.numpy(), parts.normals.numpy())
    return Surface(*body, content.diameter_m, uv=uv, texture=texture, colors=parts.painted.numpy())
