"""The pairs of pictures that the networks compare: rendered at poses, and observed there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estimators.foundationpose.config import INPUT_PX
from estimators.foundationpose.observed import (
    REFINER_NEAREST_M,
    SCORER_NEAREST_M,
    normalised,
    observed_by_refiner,
    observed_by_scorer,
)
from estimators.foundationpose.rendering.base import CropRenderer
from estimators.foundationpose.scene import Scene
from estimators.foundationpose.window import crop_from_image, drawn_window


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Poses of one object in one frame; a batch is a list of groups, their poses one after the other.

    Attributes:
        scene: The frame.
        mesh: Of ``CropRenderer.upload``.
        diameter_m: Of the mesh.
        count: How many poses.
    """

    scene: Scene
    mesh: Any
    diameter_m: float
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """What both networks look at, in metres.

    Attributes:
        rendered: (N, 6, 160, 160) float32, colour from 0 to 1 and points in metres.
        observed: (N, 6, 160, 160) float32, alike.
        crop: (N, 3, 3) float32, pixels of the image to pixels of the crop.
        diameters_m: (N,) float64.
    """

    rendered: Tensor
    observed: Tensor
    crop: Tensor
    diameters_m: Tensor

    def normalised(self, cam_from_obj: Tensor, nearest_m: float) -> tuple[Tensor, Tensor]:
        """Both as the networks take them, see ``observed.normalised``."""
        centers = cam_from_obj[:, :3, 3]
        return (
            normalised(self.rendered, centers, self.diameters_m, nearest_m),
            normalised(self.observed, centers, self.diameters_m, nearest_m),
        )


def refine_inputs(
    groups: Sequence[Group], cam_from_obj: Tensor, renderer: CropRenderer, crop_ratio: float
) -> tuple[Tensor, Tensor]:
    """Rendered and observed, both (N, 6, 160, 160) float32, as ``RefineNet`` takes them.

    Args:
        groups: Whose poses they are.
        cam_from_obj: (N, 4, 4) float32, of the meshes about their centres.
        renderer: What draws.
        crop_ratio: Of the refiner's config.
    """
    return refine_pairs(groups, cam_from_obj, renderer, crop_ratio).normalised(cam_from_obj, REFINER_NEAREST_M)


def score_inputs(
    groups: Sequence[Group], cam_from_obj: Tensor, renderer: CropRenderer, crop_ratio: float
) -> tuple[Tensor, Tensor]:
    """Rendered and observed as ``ScoreNet`` takes them; see ``refine_inputs``, with the scorer's crop ratio."""
    pairs = _pairs(groups, cam_from_obj, renderer, crop_ratio, scorer=True)
    return pairs.normalised(cam_from_obj, SCORER_NEAREST_M)


def refine_pairs(groups: Sequence[Group], cam_from_obj: Tensor, renderer: CropRenderer, crop_ratio: float) -> Pairs:
    """The same before points are normalised."""
    return _pairs(groups, cam_from_obj, renderer, crop_ratio, scorer=False)


def _pairs(
    groups: Sequence[Group], cam_from_obj: Tensor, renderer: CropRenderer, crop_ratio: float, *, scorer: bool
) -> Pairs:
    counts = torch.tensor([group.count for group in groups])
    K = torch.stack([group.scene.K for group in groups]).repeat_interleave(counts.to(cam_from_obj.device), dim=0)
    diameters = torch.tensor([group.diameter_m for group in groups], dtype=torch.float64).repeat_interleave(counts)
    diameters = diameters.to(cam_from_obj.device)
    crop = crop_from_image(cam_from_obj[:, :3, 3], K, diameters, crop_ratio)
    window, intrinsics = drawn_window(crop), K.float()
    see = observed_by_scorer if scorer else observed_by_refiner
    rendered: list[Tensor] = []
    observed: list[Tensor] = []
    start = 0
    for group in groups:
        own = slice(start, start + group.count)
        size = (INPUT_PX, INPUT_PX)
        rendered.append(renderer.render(group.mesh, cam_from_obj[own], intrinsics[own], window[own], size))
        observed.append(see(group.scene, crop[own]))
        start += group.count
    return Pairs(torch.cat(rendered), torch.cat(observed), crop, diameters)
