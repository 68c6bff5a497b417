"""The light on an object, learned from frames in which its pose is trusted, and what the mesh looks like in it."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from schemas.arrays import Array

TERMS = 9
PLAIN = np.concatenate([[1.0], np.zeros(TERMS - 1)])
"""The terms of a light that shows a mesh as it is."""
_RIDGE = np.diag([0.02, 0.05, 0.05, 0.05, 0.3, 0.3, 0.3, 0.3, 0.3])  # what no point shows is taken to be even
DIMMEST, BRIGHTEST = 0.15, 2.5
"""What a light can make of a mesh: brightness over its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """Normal equations of nine spherical harmonics of normals in the camera's frame (Ramamoorthi and Hanrahan 2001).

    Attributes:
        left: (9, 9) float64.
        right: (9,) float64.
    """

    left: Array
    right: Array

    @property
    def terms(self) -> Array:
        """(9,) float64: brightness of the image over that of the mesh."""
        ridge = _RIDGE * self.left[0, 0]
        even = float(self.right[0] / max(self.left[0, 0], 1e-9)) * PLAIN
        return np.linalg.solve(self.left + ridge, self.right + ridge @ even)

    def pack(self) -> bytes:
        """360 bytes."""
        return np.concatenate([self.left.reshape(-1), self.right]).astype("<f4").tobytes()

    @staticmethod
    def unpack(data: bytes) -> "Light | None":
        """The light of these bytes; None where there are none."""
        if len(data) != 4 * TERMS * (TERMS + 1):
            return None
        numbers = np.frombuffer(data, "<f4").astype(np.float64)
        return Light(numbers[: TERMS * TERMS].reshape(TERMS, TERMS), numbers[TERMS * TERMS :])


def basis(normals: Array) -> Array:
    """(N, 9) of (N, 3) unit normals."""
    x, y, z = normals[:, 0], normals[:, 1], normals[:, 2]
    return np.stack([np.ones_like(x), x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], axis=1)


@njit(nogil=True, cache=True)
def shaded(rgb: Array, normal: Array, terms: Array) -> Array:
    """(H, W, 3) uint8, a render in a light.

    Args:
        rgb: (H, W, 3) uint8 without light.
        normal: (H, W, 3) float32 in the camera's frame, 0 where nothing is drawn.
        terms: (9,) float64.
    """
    out = np.zeros_like(rgb)
    for v in range(rgb.shape[0]):
        for u in range(rgb.shape[1]):
            x, y, z = normal[v, u, 0], normal[v, u, 1], normal[v, u, 2]
            if x == 0.0 and y == 0.0 and z == 0.0:
                continue
            e = brightness(x, y, z, terms)
            for k in range(3):
                out[v, u, k] = np.uint8(min(255.0, rgb[v, u, k] * e + 0.5))
    return out


@njit(nogil=True, cache=True, inline="always")
def brightness(x: float, y: float, z: float, terms: Array) -> float:
    """What a light (9,) makes of a normal."""
    e = terms[0] + terms[1] * x + terms[2] * y + terms[3] * z + terms[4] * x * y + terms[5] * y * z
    e += terms[6] * (3.0 * z * z - 1.0) + terms[7] * x * z + terms[8] * (x * x - y * y)
    return min(BRIGHTEST, max(DIMMEST, e))


@njit(nogil=True, cache=True, inline="always")
def slope_of(n: Array, terms: Array, out: Array) -> None:
    """Write the derivative (3,) of ``brightness`` by the normal (3,)."""
    x, y, z = n[0], n[1], n[2]
    out[0] = terms[1] + terms[4] * y + terms[7] * z + 2.0 * terms[8] * x
    out[1] = terms[2] + terms[4] * x + terms[5] * z - 2.0 * terms[8] * y
    out[2] = terms[3] + terms[5] * y + 6.0 * terms[6] * z + terms[7] * x
