"""Where the pixels of a camera look."""

from dataclasses import dataclass

import numpy as np

from schemas.arrays import Array


@dataclass(frozen=True, slots=True, eq=False)
class Rays:
    """Rays (x, y, 1) of a picture's pixels; x depends on the column alone, y on the row alone.

    Attributes:
        x: (W,) float32.
        y: (H, 1) float32.
    """

    x: Array
    y: Array

    @staticmethod
    def of(camera_matrix: Array, size_px: tuple[int, int]) -> "Rays":
        """Those of a camera without skew; ``size_px`` is height and width."""
        height, width = size_px
        x = (np.arange(width) - camera_matrix[0, 2]) / camera_matrix[0, 0]
        y = (np.arange(height) - camera_matrix[1, 2]) / camera_matrix[1, 1]
        return Rays(x.astype(np.float32), y.astype(np.float32)[:, None])

    def along(self, vector: Array) -> Array:
        """(H, W) float32, the rays times a (3,) vector."""
        a, b, c = (np.float32(value) for value in vector)
        return a * self.x + (b * self.y + c)

    def lengths(self) -> Array:
        """(H, W) float32."""
        return np.sqrt(self.x * self.x + (self.y * self.y + np.float32(1)))
