"""One posed photo of an object as plain arrays: what every step of a reconstruction takes."""

from dataclasses import dataclass

import numpy as np

from schemas.arrays import Array, checked, checked_finite


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A photo of an object, cut to the part about it where that is known.

    Attributes:
        name: For messages.
        rgb: (H, W, 3) uint8.
        K: (3, 3) float64, pixels, centres at integers, without distortion.
        cam_from_obj: (4, 4) float64, metres.
        depth_m: (H, W) float32 in the colour camera's frame, 0 where unknown; None without a depth sensor.
        mask: (H, W) bool, where the object is seen; None where nobody knows.
    """

    name: str
    rgb: Array
    K: Array
    cam_from_obj: Array
    depth_m: Array | None = None
    mask: Array | None = None

    def __post_init__(self) -> None:
        height, width = np.shape(self.rgb)[:2]
        put = object.__setattr__
        put(self, "rgb", checked(f"rgb of {self.name}", self.rgb, (height, width, 3), np.uint8))
        put(self, "K", checked_finite(f"K of {self.name}", self.K, (3, 3)))
        put(self, "cam_from_obj", checked_finite(f"cam_from_obj of {self.name}", self.cam_from_obj, (4, 4)))
        if self.depth_m is not None:
            put(self, "depth_m", checked(f"depth_m of {self.name}", self.depth_m, (height, width), np.float32))
        if self.mask is not None:
            put(self, "mask", checked(f"mask of {self.name}", self.mask, (height, width), np.bool_))

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width."""
        return self.rgb.shape[0], self.rgb.shape[1]

    @property
    def position_m(self) -> Array:
        """(3,) of the camera in the object's frame."""
        return -self.cam_from_obj[:3, :3].T @ self.cam_from_obj[:3, 3]

    def project(self, points_m: Array) -> tuple[Array, Array]:
        """Pixels (N, 2) and z (N,) in metres of points (N, 3) of the object; pixels are far off where z <= 0."""
        camera = points_m @ self.cam_from_obj[:3, :3].T + self.cam_from_obj[:3, 3]
        z = camera[:, 2]
        safe = np.where(z > 0, z, 1.0)
        pixels = camera @ self.K.T
        return np.where(z[:, None] > 0, pixels[:, :2] / safe[:, None], -1e6), z

    def cut(self, top: int, left: int, bottom: int, right: int) -> "View":
        """The part of rows top to bottom and columns left to right, the camera with it."""
        K = self.K.copy()
        K[:2, 2] -= (left, top)
        part = np.s_[top:bottom, left:right]
        depth_m = None if self.depth_m is None else self.depth_m[part]
        mask = None if self.mask is None else self.mask[part]
        return View(self.name, self.rgb[part], K, self.cam_from_obj, depth_m, mask)


def about_mask(view: View, margin: float = 0.15) -> View:
    """A view cut to its mask with a margin (share of the mask's size); whole where there is none."""
    if view.mask is None or not view.mask.any():
        return view
    rows, columns = np.flatnonzero(view.mask.any(axis=1)), np.flatnonzero(view.mask.any(axis=0))
    by = int(margin * max(np.ptp(rows), np.ptp(columns))) + 8
    height, width = view.size_px
    return view.cut(
        max(0, int(rows[0]) - by),
        max(0, int(columns[0]) - by),
        min(height, int(rows[-1]) + by + 1),
        min(width, int(columns[-1]) + by + 1),
    )
