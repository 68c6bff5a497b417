"""Frames where the networks are."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from estimators.foundationpose.depth import filtered
from schemas import Frame
from schemas.arrays import Array


@dataclass(frozen=True, eq=False)
class Scene:
    """A frame's colour, filtered depth and camera on the device of the networks.

    Attributes:
        pixels: (H, W, 3) uint8.
        depth_m: (H, W) float32, filtered, 0 where unknown.
        camera: (3, 3) float64 intrinsics, numpy.
    """

    pixels: Tensor
    depth_m: Tensor
    camera: Array

    @staticmethod
    def of(rgb: Array, depth_m: Array, K: Array, device: torch.device) -> "Scene":
        """A scene whose depth is filtered already.

        Args:
            rgb: (H, W, 3) uint8.
            depth_m: (H, W) float32.
            K: (3, 3) float64.
            device: Of the networks.
        """
        depth = torch.tensor(np.ascontiguousarray(depth_m, np.float32), device=device)
        return Scene(torch.tensor(rgb, device=device), depth, np.asarray(K, np.float64))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.depth_m.shape[0], self.depth_m.shape[1]

    @cached_property
    def rgb(self) -> Tensor:
        """(3, H, W) float32, 0 to 255."""
        return self.pixels.permute(2, 0, 1).float().contiguous()

    @cached_property
    def K(self) -> Tensor:  # noqa: N802 - the field's name for it
        """(3, 3) float64 intrinsics on the device."""
        return torch.tensor(self.camera, device=self.pixels.device)


def scenes_on_cpu(frames: Sequence[Frame]) -> list[Scene]:
    """Frames whose depth is filtered; see ``upload.Uploader`` for a GPU."""
    cpu = torch.device("cpu")
    return [Scene.of(frame.rgb, filtered(known_depth(frame)), frame.camera.K, cpu) for frame in frames]


def known_depth(frame: Frame) -> Array:
    """(H, W) float32 depth of a frame, 0 where it is unknown, missing or not finite."""
    if frame.depth_m is None:
        return np.zeros((frame.camera.height, frame.camera.width), np.float32)
    with np.errstate(invalid="ignore"):
        whole = np.isfinite(frame.depth_m.sum())
    if whole:
        return frame.depth_m
    return np.nan_to_num(frame.depth_m, nan=0.0, posinf=0.0, neginf=0.0)
