"""One frame where the networks are."""

import numpy as np
import torch
from torch import Tensor

from estimators.foundationpose.config import INPUT_PX
from estimators.foundationpose.depth import Region, filtered
from schemas import Frame
from schemas.arrays import Array

_BEYOND_PX = 2
_GROWN = 4  # a region is filtered with a fourth of its size more on each side: windows move between iterations


class Scene:
    """A frame's colour, filtered depth and camera on the device of the networks.

    Attributes:
        rgb: (3, H, W) float32, 0 to 255.
        depth_m: (H, W) float32, filtered, 0 where unknown.
        K: (3, 3) float64 intrinsics.

    Args:
        rgb: See the attributes, as depth_m and K.
        depth_m: It, or zeros of its size where ``measured`` is given.
        K: It.
        measured: (H, W) float32 depth as it was measured, on the CPU: ``look`` filters the parts that are needed.
    """

    def __init__(self, rgb: Tensor, depth_m: Tensor, K: Tensor, measured: Array | None = None) -> None:
        self.rgb, self.depth_m, self.K = rgb, depth_m, K
        self._measured = measured
        self._done: Region = (0, 0, 0, 0)

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
        """A frame, its depth filtered on the GPU, or on the CPU as far as it is looked at.

        Numbers in its depth that are not finite count as unknown.
        """
        depth_m = known_depth(frame)
        rgb, K = _planes(frame.rgb, device), torch.tensor(frame.camera.K, dtype=torch.float64, device=device)
        if device.type == "cpu":
            return Scene(rgb, torch.zeros(*depth_m.shape), K, depth_m)
        from estimators.foundationpose.rendering.depth_kernels import filtered_there

        return Scene(rgb, filtered_there(torch.tensor(depth_m, device=device)), K)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.depth_m.shape[0], self.depth_m.shape[1]

    def look(self, window: Tensor) -> None:
        """Have the depth ready under windows (N, 4) of ``window.drawn_window``."""
        if self._measured is None:
            return
        low, high = window[:, :2].amin(dim=0).tolist(), window[:, 2:].amax(dim=0).tolist()
        beyond = [_BEYOND_PX + (b - a) / INPUT_PX for a, b in zip(low, high, strict=True)]
        left, top = (int(a - more) for a, more in zip(low, beyond, strict=True))
        right, bottom = (int(b + more) + 1 for b, more in zip(high, beyond, strict=True))
        self._filter(self._measured, _clipped((top, bottom, left, right), self.size))

    def look_everywhere(self) -> Array:
        """The whole filtered depth as an array (H, W) float32 on the CPU."""
        if self._measured is not None:
            self._filter(self._measured, (0, self.size[0], 0, self.size[1]))
        return self.depth_m.cpu().numpy()

    def _filter(self, measured: Array, region: Region) -> None:
        top, bottom, left, right = region
        done = self._done
        if bottom <= top or right <= left:
            return
        if done[0] <= top and bottom <= done[1] and done[2] <= left and right <= done[3]:
            return
        if done[1] > done[0]:
            top, bottom, left, right = min(top, done[0]), max(bottom, done[1]), min(left, done[2]), max(right, done[3])
        more_v, more_u = (bottom - top) // _GROWN, (right - left) // _GROWN
        self._done = _clipped((top - more_v, bottom + more_v, left - more_u, right + more_u), self.size)
        self.depth_m = torch.from_numpy(filtered(measured, self._done))


def known_depth(frame: Frame) -> Array:
    """(H, W) float32 depth of a frame, 0 where it is unknown, missing or not finite."""
    if frame.depth_m is None:
        return np.zeros((frame.camera.height, frame.camera.width), np.float32)
    if np.isfinite(frame.depth_m.sum()):
        return frame.depth_m
    return np.nan_to_num(frame.depth_m, nan=0.0, posinf=0.0, neginf=0.0)


def _clipped(region: Region, size: tuple[int, int]) -> Region:
    top, bottom, left, right = region
    return max(0, top), min(size[0], bottom), max(0, left), min(size[1], right)


def _planes(rgb: Array, device: torch.device) -> Tensor:
    """(3, H, W) float32 of (H, W, 3) uint8."""
    return torch.tensor(rgb, device=device).permute(2, 0, 1).float().contiguous()
