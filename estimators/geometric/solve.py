"""Kernels that move a pose: small rotations and the 6x6 normal equations.

A step is (w, v): the object turns by exp(w) about its centre and shifts by v, both along the camera's axes.
"""

import numpy as np
from numba import njit

from schemas.arrays import Array

_TINY = 1e-12


@njit(nogil=True, cache=True)
def solve6(H: Array, g: Array, step: Array) -> bool:
    """Solve H step = g for a symmetric positive H (6, 6) by Cholesky; False where H is not positive."""
    L = np.zeros((6, 6))
    for i in range(6):
        for j in range(i + 1):
            total = H[i, j]
            for k in range(j):
                total -= L[i, k] * L[j, k]
            if i == j:
                if not total > _TINY:
                    return False
                L[i, i] = np.sqrt(total)
            else:
                L[i, j] = total / L[j, j]
    for i in range(6):
        total = g[i]
        for k in range(i):
            total -= L[i, k] * step[k]
        step[i] = total / L[i, i]
    for i in range(5, -1, -1):
        total = step[i]
        for k in range(i + 1, 6):
            total -= L[k, i] * step[k]
        step[i] = total / L[i, i]
    return True


@njit(nogil=True, cache=True)
def turn_by(w: Array, R: Array) -> None:
    """Replace R (3, 3) by exp(w) R (Rodrigues) and make its rows orthonormal again."""
    angle = np.sqrt(w[0] * w[0] + w[1] * w[1] + w[2] * w[2])
    a = 1.0 - angle * angle / 6.0 if angle < 1e-5 else np.sin(angle) / angle
    b = 0.5 if angle < 1e-5 else (1.0 - np.cos(angle)) / (angle * angle)
    for k in range(3):
        x, y, z = R[0, k], R[1, k], R[2, k]
        c0, c1, c2 = w[1] * z - w[2] * y, w[2] * x - w[0] * z, w[0] * y - w[1] * x
        d0, d1, d2 = w[1] * c2 - w[2] * c1, w[2] * c0 - w[0] * c2, w[0] * c1 - w[1] * c0
        R[0, k], R[1, k], R[2, k] = x + a * c0 + b * d0, y + a * c1 + b * d1, z + a * c2 + b * d2
    _orthonormal(R)


@njit(nogil=True, cache=True)
def _orthonormal(R: Array) -> None:
    """Gram-Schmidt over the rows, the third by the cross product."""
    n = np.sqrt(R[0, 0] ** 2 + R[0, 1] ** 2 + R[0, 2] ** 2)
    for k in range(3):
        R[0, k] /= n
    dot = R[0, 0] * R[1, 0] + R[0, 1] * R[1, 1] + R[0, 2] * R[1, 2]
    for k in range(3):
        R[1, k] -= dot * R[0, k]
    n = np.sqrt(R[1, 0] ** 2 + R[1, 1] ** 2 + R[1, 2] ** 2)
    for k in range(3):
        R[1, k] /= n
    R[2, 0] = R[0, 1] * R[1, 2] - R[0, 2] * R[1, 1]
    R[2, 1] = R[0, 2] * R[1, 0] - R[0, 0] * R[1, 2]
    R[2, 2] = R[0, 0] * R[1, 1] - R[0, 1] * R[1, 0]


@njit(nogil=True, cache=True)
def add_row(p: Array, direction: Array, residual: float, weight: float, H: Array, g: Array) -> None:
    """Add one equation direction . (w x p + v) = residual to the lower half of the normal equations."""
    # a tuple stays in registers; an array would be allocated for each of some thousand rows
    row = (
        p[1] * direction[2] - p[2] * direction[1],
        p[2] * direction[0] - p[0] * direction[2],
        p[0] * direction[1] - p[1] * direction[0],
        direction[0],
        direction[1],
        direction[2],
    )
    _gather(row, residual, weight, H, g)


@njit(nogil=True, cache=True)
def add_turn_row(
    p: Array, direction: Array, turn: Array, residual: float, weight: float, H: Array, g: Array
) -> None:  # fmt: skip
    """``add_row`` of an equation that has turn . w beside: direction . (w x p + v) + turn . w = residual."""
    row = (
        p[1] * direction[2] - p[2] * direction[1] + turn[0],
        p[2] * direction[0] - p[0] * direction[2] + turn[1],
        p[0] * direction[1] - p[1] * direction[0] + turn[2],
        direction[0],
        direction[1],
        direction[2],
    )
    _gather(row, residual, weight, H, g)


@njit(nogil=True, cache=True, inline="always")
def _gather(row: tuple[float, ...], residual: float, weight: float, H: Array, g: Array) -> None:
    for i in range(6):
        scaled = weight * row[i]
        g[i] += scaled * residual
        for j in range(i + 1):
            H[i, j] += scaled * row[j]
