"""A Kalman filter of constant velocity: what a picture does not tell is held by what the frames before told."""

import numpy as np

from schemas.arrays import Array

SIZE = 12
"""Turn, shift, turn a second, shift a second: about the object's centre, camera's axes, radians and metres."""
# standard deviations of what changes in one thirtieth of a second, radians and metres a second: of an object that was
# just found, of a slow one at least, and of its speed
_CHANGE, _LEAST_CHANGE, _SHARE = np.array([np.radians(45.0), 0.15]), np.array([np.radians(12.0), 0.04]), 0.4
_USUAL_S = 1 / 30
_FIRST = np.repeat([np.radians(2.0), 0.003, np.radians(150.0), 0.4], 3)
_LARGEST = np.repeat([np.radians(30.0), 0.08, np.radians(300.0), 1.0], 3)


def first_spread() -> Array:
    """(12, 12) covariance of an object whose pose was just found."""
    return np.diag(_FIRST**2)


def later(spread: Array, seconds: float, damping: float, speeds: tuple[float, float] | None) -> Array:
    """(12, 12) covariance after some time without a look.

    Args:
        spread: (12, 12) before it.
        seconds: How long.
        damping: What is left of a speed afterwards.
        speeds: Radians and metres a second at which the object usually moves; None where that is not known yet.
    """
    F = np.eye(SIZE)
    F[:6, 6:] = np.eye(6) * (damping * seconds)
    F[6:, 6:] *= damping
    size = _CHANGE if speeds is None else np.clip(_SHARE * np.array(speeds), _LEAST_CHANGE, 2 * _CHANGE)
    change = np.diag(np.repeat(size, 3) ** 2 * (seconds / _USUAL_S))
    # white noise of acceleration (Bar-Shalom, Li and Kirubarajan 2001, section 6.2)
    noise = np.block([[change * seconds**2 / 3, change * seconds / 2], [change * seconds / 2, change]])
    return _bounded(F @ spread @ F.T + noise)


def corrected(spread: Array, information: Array, off: Array) -> tuple[Array, Array]:
    """(6,) change of the velocities and (12, 12) covariance after a look.

    Args:
        spread: (12, 12) before it.
        information: (6, 6) of the look about the pose.
        off: (6,) by how much the pose came out other than it was predicted, that information and the spread weighed.
    """
    P = spread[:6, :6]
    gain = spread[6:, :6] @ np.linalg.inv(P)
    after = np.linalg.inv(np.linalg.inv(P) + information)
    out = np.block([[after, after @ gain.T], [gain @ after, spread[6:, 6:] - gain @ (P - after) @ gain.T]])
    return gain @ off, (out + out.T) / 2


def _bounded(spread: Array) -> Array:
    """No number less known than can be: its row and column are scaled, so that all stays a covariance."""
    share = np.minimum(1.0, _LARGEST / np.sqrt(np.diag(spread)))
    return spread * share[:, None] * share[None]
