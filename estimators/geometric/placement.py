"""Where an object is, as the fits turn it: about its centre."""

from dataclasses import dataclass

import numpy as np

from schemas import Pose
from schemas.arrays import Array


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """A pose of the object's centre: ``cam_from_centre``.

    Attributes:
        R: (3, 3) float64.
        t: (3,) float64, metres.
    """

    R: Array
    t: Array

    @staticmethod
    def of(cam_from_obj: Pose, center_m: Array) -> "Placement":
        """The same pose about another pivot."""
        # a copy that can be written, as all others are: kernels are compiled for one kind of array
        return Placement(cam_from_obj.rotation.copy(), cam_from_obj.apply(center_m))

    @property
    def view(self) -> Array:
        """(3,) unit direction from the centre to the camera, object's axes."""
        return self.R.T @ (-self.t / np.linalg.norm(self.t))

    def way_m(self, other: "Placement", arm_m: float) -> float:
        """How far a point ``arm_m`` from the centre is from where another placement has it, at most."""
        cosine = min(1.0, max(-1.0, (float(np.sum(self.R * other.R)) - 1.0) / 2.0))
        return float(np.linalg.norm(self.t - other.t)) + arm_m * float(np.arccos(cosine))

    def after(self, A: Array, b: Array | None = None) -> "Placement":
        """The object turned by A (3, 3) and shifted by b (3,), about its centre and along its own axes."""
        return Placement(self.R @ A, self.t if b is None else self.R @ b + self.t)

    def pose(self, center_m: Array) -> Pose:
        """cam_from_obj again."""
        return Pose(self.R, self.t - self.R @ center_m)
