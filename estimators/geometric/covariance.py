"""How far a pose may be off, from the information of its last step."""

from dataclasses import dataclass, field

import numpy as np

from estimators.geometric.information import chi_square, completed, inverse, symmetric
from estimators.geometric.placement import Placement
from schemas.arrays import Array

_FLOOR = np.diag(np.repeat([1e-3, 2e-4], 3) ** 2)
_UNKNOWN_RAD, _UNKNOWN_M = 3.0, 1.0  # where the step says nothing at all
_NOISE, _SYSTEMATIC = 0.6, 2.4  # of variance: what noise alone leaves, and for each unit of conflict
_MOST = 20.0  # standard deviations grow by 4.5 at most


@dataclass(frozen=True, slots=True, eq=False)
class Information:
    """What the last step of a fit knew, as normal equations of a turn about the centre and a shift, camera's axes.

    Attributes:
        whole: (6, 6) float64, lower half.
        by_depth: (6, 6) float64, lower half, the share of depth in it.
        depth_pull: (6,) float64, where depth alone would pull the pose.
        by_texture: (6, 6) float64, lower half, the share of the mesh's texture where there is no depth.
    """

    whole: Array
    by_depth: Array
    depth_pull: Array
    by_texture: Array = field(default_factory=lambda: np.zeros((6, 6)))

    @property
    def symmetric(self) -> Array:
        """(6, 6) float64, ``whole`` with its upper half."""
        return symmetric(self.whole)

    @property
    def conflict(self) -> float:
        """Chi-square of what depth and picture disagree by where they came to terms; 0 where one of them was alone.

        Noise leaves about 0.1 on generated sequences, as neighbouring depths are taken to err together; on real
        recordings, where sensor, focal length and mesh disagree by a percent, it is 1 to 6.
        """
        return float(chi_square(completed(self.by_depth, _UNKNOWN_RAD, _UNKNOWN_M), self.depth_pull))

    @property
    def inflation(self) -> float:
        """How much wider the covariance is than that of noise, for errors that are equal in all points and frames."""
        return min(_MOST, _NOISE + _SYSTEMATIC * self.conflict)


def covariance_of(information: Array, placement: Placement, center_m: Array) -> Array:
    """(6, 6) float64 covariance of (turn rad, shift m) in the object's frame: true = estimate @ exp(error).

    Args:
        information: (6, 6) lower half of the normal equations of a step (turn about the centre, shift), camera's axes.
        placement: Where the step ended.
        center_m: (3,) the centre in the object's frame.
    """
    spread = inverse(completed(np.ascontiguousarray(information), _UNKNOWN_RAD, _UNKNOWN_M))
    turn = placement.R.T
    to_object = np.zeros((6, 6))
    to_object[:3, :3] = to_object[3:, 3:] = turn
    # a turn about the centre also shifts the origin
    x, y, z = center_m
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    to_object[3:, :3] = cross @ turn
    covariance = to_object @ spread @ to_object.T
    return (covariance + covariance.T) / 2 + _FLOOR
