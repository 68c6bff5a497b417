"""How far a pose may be off, from the information of its last step."""

from typing import TYPE_CHECKING

import numpy as np

from schemas.arrays import Array

if TYPE_CHECKING:
    from estimators.geometric.fit import Placement

# rows of one frame err together (neighbouring depths, one light), so that they say less than their number
_INFLATION = 1.0
_FLOOR_RAD, _FLOOR_M = 1e-3, 2e-4
_UNKNOWN_RAD, _UNKNOWN_M = 3.0, 1.0  # where the step says nothing at all


def covariance_of(information: Array, placement: "Placement", center_m: Array) -> Array:
    """(6, 6) float64 covariance of (turn rad, shift m) in the object's frame: true = estimate @ exp(error).

    Args:
        information: (6, 6) lower half of the normal equations of a step (turn about the centre, shift), camera's axes.
        placement: Where the step ended.
        center_m: (3,) the centre in the object's frame.
    """
    H = np.tril(information) + np.tril(information, -1).T
    H[np.diag_indices(3)] += 1 / _UNKNOWN_RAD**2
    H[np.arange(3, 6), np.arange(3, 6)] += 1 / _UNKNOWN_M**2
    spread = _INFLATION * np.linalg.inv(H)
    turn = placement.R.T
    to_object = np.zeros((6, 6))
    to_object[:3, :3] = to_object[3:, 3:] = turn
    # a turn about the centre also shifts the origin
    x, y, z = center_m
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    to_object[3:, :3] = cross @ turn
    covariance = to_object @ spread @ to_object.T
    covariance[np.diag_indices(6)] += [_FLOOR_RAD**2] * 3 + [_FLOOR_M**2] * 3
    return (covariance + covariance.T) / 2
