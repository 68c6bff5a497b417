"""Smooth motion in closed form: any moment can be asked for, in any order."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np

from schemas import Pose
from schemas.arrays import Array

SPEEDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"easy": (0.004, 2.0), "medium": (0.011, 4.5), "hard": (0.020, 7.5)}
)
"""Level -> metres and degrees per picture, root mean square."""

_CENTRE_M = np.array([0.0, 0.0, 0.62])
_REACH_M = np.array([0.13, 0.07, 0.09])
_WAVES = 3


class Motion:
    """A sum of sine waves per axis; equal seeds give equal motion.

    Args:
        level: A key of ``SPEEDS``.
        seed: Of phases and frequencies.
    """

    def __init__(self, level: str, seed: int) -> None:
        rng = np.random.default_rng((seed, 3))
        self._shift_rate = rng.uniform(0.5, 1.5, (_WAVES, 3))
        self._turn_rate = rng.uniform(0.5, 1.5, (_WAVES, 3))
        self._phase = rng.uniform(0, 2 * np.pi, (2, _WAVES, 3))
        self._start = cv2.Rodrigues(rng.normal(0, 0.5, 3) + np.array([0.4, 0.5, 0.0]))[0]
        metres, degrees = SPEEDS[level]
        # one picture further on is a step of the wanted size, on average over the clip
        self._shift_rate *= metres / _mean_step(self._shift)
        self._turn_rate *= np.radians(degrees) / _mean_step(self._turn)

    def pose(self, number: float) -> Pose:
        """``cam_from_obj`` in picture ``number``."""
        rotation = cv2.Rodrigues(self._turn(number))[0] @ self._start
        return Pose(rotation, _CENTRE_M + self._shift(number))

    def _shift(self, number: float) -> Array:
        return (np.sin(self._shift_rate * number + self._phase[0]) * _REACH_M / _WAVES).sum(axis=0)

    def _turn(self, number: float) -> Array:
        return (np.sin(self._turn_rate * number + self._phase[1]) * 1.2 / _WAVES).sum(axis=0)


def _mean_step(wave: Callable[[float], Array]) -> float:
    """Root mean square of the change a picture brings, at the rates as they are; taken over small steps."""
    small = 1e-3
    steps = [np.linalg.norm(wave(float(at) + small) - wave(float(at))) / small for at in np.linspace(0, 200, 400)]
    return float(np.sqrt(np.mean(np.square(steps))))
