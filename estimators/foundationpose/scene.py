"""One frame where the networks are."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from estimators.foundationpose.depth import filtered
from schemas import Frame
from schemas.arrays import Array


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A frame's colour, filtered depth and camera on the device of the networks.

    Attributes:
        rgb: (3, H, W) float32, 0 to 255.
        depth_m: (H, W) float32, filtered, 0 where unknown.
        K: (3, 3) float64 intrinsics.
    """

    rgb: Tensor
    depth_m: Tensor
    K: Tensor

    @staticmethod
    def of(rgb: Array, depth_m: Array, K: Array, device: torch.device) -> "Scene":
        """A scene whose depth is filtered already.

        Args:
            rgb: (H, W, 3) uint8.
            depth_m: (H, W) float32.
            K: (3, 3) float64.
            device: Of the networks.
        """
        depth = torch.tensor(np.asarray(depth_m, np.float32), device=device)
        return Scene(_planes(rgb, device), depth, torch.tensor(K, dtype=torch.float64, device=device))

    @staticmethod
    def of_frame(frame: Frame, device: torch.device) -> "Scene":
        """A frame, its depth filtered where the networks are.

        Numbers in its depth that are not finite count as unknown.
        """
        depth_m = known_depth(frame)
        if device.type == "cpu":
            return Scene.of(frame.rgb, filtered(depth_m), frame.camera.K, device)
        from estimators.foundationpose.rendering.depth_kernels import filtered_there

        smooth = filtered_there(torch.tensor(depth_m, device=device))
        return Scene(_planes(frame.rgb, device), smooth, torch.tensor(frame.camera.K, device=device))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.depth_m.shape[0], self.depth_m.shape[1]


def known_depth(frame: Frame) -> Array:
    """(H, W) float32 depth of a frame, 0 where it is unknown, missing or not finite."""
    if frame.depth_m is None:
        return np.zeros((frame.camera.height, frame.camera.width), np.float32)
    if np.isfinite(frame.depth_m.sum()):
        return frame.depth_m
    return np.nan_to_num(frame.depth_m, nan=0.0, posinf=0.0, neginf=0.0)


def _planes(rgb: Array, device: torch.device) -> Tensor:
    """(3, H, W) float32 of (H, W, 3) uint8."""
    return torch.tensor(rgb, device=device).permute(2, 0, 1).float().contiguous()
