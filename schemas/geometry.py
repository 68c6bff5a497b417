"""Poses and cameras: OpenCV camera axes (x right, y down, z forward), metres, pixel centres at integers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schemas.arrays import Array, checked_finite

_ORTHONORMAL_TOLERANCE = 1e-4  # float32 producers and rounded text files stay well below it


def is_rotation(numbers: Sequence[float]) -> bool:
    """Whether nine finite numbers, row by row, are a rotation as a ``Pose`` takes it."""
    error, determinant = _faults(numbers)
    return error <= _ORTHONORMAL_TOLERANCE and determinant >= 0


def _faults(numbers: Sequence[float]) -> tuple[float, float]:
    """How far R R^T is from the identity, and the determinant; written out, as a pose is made for every result."""
    a, b, c, d, e, f, g, h, i = numbers
    lengths = abs(a * a + b * b + c * c - 1), abs(d * d + e * e + f * f - 1), abs(g * g + h * h + i * i - 1)
    angles = abs(a * d + b * e + c * f), abs(a * g + b * h + c * i), abs(d * g + e * h + f * i)
    return max(*lengths, *angles), a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """A rigid transform, named ``target_from_source``: ``cam_from_obj`` takes object points to the camera.

    Attributes:
        rotation: (3, 3) float64, orthonormal with determinant 1 (up to 1e-4).
        translation_m: (3,) float64 in metres.
    """

    rotation: Array
    translation_m: Array

    def __post_init__(self) -> None:
        rotation = checked_finite("rotation", self.rotation, (3, 3))
        error, determinant = _faults(rotation.ravel().tolist())
        if error > _ORTHONORMAL_TOLERANCE or determinant < 0:
            msg = f"rotation: expected an orthonormal matrix of determinant 1, got an error of {error:.2g}"
            raise ValueError(msg)
        object.__setattr__(self, "rotation", rotation)
        object.__setattr__(self, "translation_m", checked_finite("translation_m", self.translation_m, (3,)))

    @staticmethod
    def identity() -> "Pose":
        """The transform that moves nothing."""
        return Pose(np.eye(3), np.zeros(3))

    @staticmethod
    def from_matrix(matrix: Array) -> "Pose":
        """The pose of a (4, 4) homogeneous matrix in metres; its last row is not read."""
        return Pose(matrix[:3, :3], matrix[:3, 3])

    def matrix(self) -> Array:
        """The same transform as a (4, 4) float64 homogeneous matrix."""
        out = np.eye(4)
        out[:3, :3] = self.rotation
        out[:3, 3] = self.translation_m
        return out

    def inverse(self) -> "Pose":
        """``source_from_target``."""
        return Pose(self.rotation.T, -self.rotation.T @ self.translation_m)

    def __matmul__(self, other: "Pose") -> "Pose":
        """``a_from_b @ b_from_c`` is ``a_from_c``; the rotation is made orthonormal again."""
        u, _, vt = np.linalg.svd(self.rotation @ other.rotation)
        return Pose(u @ vt, self.rotation @ other.translation_m + self.translation_m)

    def apply(self, points_m: Array) -> Array:
        """Points (..., 3) in the source's frame, taken to the target's frame."""
        return points_m @ self.rotation.T + self.translation_m

    def distance(self, other: "Pose") -> tuple[float, float]:
        """Angle in radians (0 to pi) and distance in metres between two poses of the same frames."""
        relative = self.rotation @ other.rotation.T
        sine = np.linalg.norm(
            [
                relative[2, 1] - relative[1, 2],
                relative[0, 2] - relative[2, 0],
                relative[1, 0] - relative[0, 1],
            ]
        )
        angle = math.atan2(float(sine), float(np.trace(relative)) - 1.0)  # both halves carry the same factor 2
        return angle, float(np.linalg.norm(self.translation_m - other.translation_m))


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera without distortion.

    Attributes:
        width: Image width in pixels.
        height: Image height in pixels.
        fx: Focal length along x in pixels.
        fy: Focal length along y in pixels.
        cx: Principal point in pixels; the centre of the first pixel is 0.
        cy: As ``cx``, along y.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        if not (0 < self.width <= MAX_SIDE_PX and 0 < self.height <= MAX_SIDE_PX):
            msg = f"camera: expected a size from 1 to {MAX_SIDE_PX} px a side, got {self.width}x{self.height}"
            raise ValueError(msg)
        if not all(math.isfinite(value) for value in (self.fx, self.fy, self.cx, self.cy)):
            msg = f"camera: expected finite intrinsics, got fx={self.fx} fy={self.fy} cx={self.cx} cy={self.cy}"
            raise ValueError(msg)
        if self.fx <= 0 or self.fy <= 0:
            msg = f"camera: expected focal lengths above 0 px, got fx={self.fx} fy={self.fy}"
            raise ValueError(msg)

    @property
    def K(self) -> Array:  # noqa: N802 - the field's name for the intrinsic matrix
        """The (3, 3) intrinsic matrix in pixels."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def project(self, points_m: Array) -> Array:
        """Project points in the camera's frame to pixels.

        The pinhole model of OpenCV's calib3d, without distortion.

        Args:
            points_m: (..., 3) in metres, every z above 0.

        Returns:
            (..., 2) pixels as (u, v); they may lie outside the image.

        Raises:
            ValueError: A point lies on or behind the camera plane.
        """
        z = points_m[..., 2]
        if (z <= 0).any():
            msg = f"points: expected z above 0 m, got {float(np.min(z)):.4g} m"
            raise ValueError(msg)
        return np.stack((points_m[..., 0] / z * self.fx + self.cx, points_m[..., 1] / z * self.fy + self.cy), axis=-1)


MAX_SIDE_PX = 16384
"""No camera we know is larger; a header that claims more is not believed."""
