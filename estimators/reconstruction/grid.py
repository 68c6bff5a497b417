"""The grid that a surface is reconstructed in."""

from dataclasses import dataclass

import numpy as np

from schemas.arrays import Array


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Points at equal steps in the object's frame.

    Attributes:
        origin_m: (3,) the first point.
        step_m: Between neighbours.
        shape: Points along x, y and z.
    """

    origin_m: Array
    step_m: float
    shape: tuple[int, int, int]

    @staticmethod
    def about(low_m: Array, high_m: Array, cells: int) -> "Grid":
        """A grid of ``cells`` steps along the longest side of a box, and three steps beyond it on every side."""
        step = float(np.max(high_m - low_m)) / cells
        sizes = np.ceil((high_m - low_m) / step).astype(int) + 7
        return Grid(np.asarray(low_m - 3 * step, np.float64), step, (int(sizes[0]), int(sizes[1]), int(sizes[2])))

    def metres(self, steps: Array) -> Array:
        """Places (N, 3) in steps of the grid to metres in the object's frame."""
        return self.origin_m + steps * self.step_m
