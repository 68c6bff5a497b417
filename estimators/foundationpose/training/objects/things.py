"""The objects that are learned from, each by its number."""

from functools import lru_cache

import numpy as np

from estimators.foundationpose.training.objects.shapes import make_shape, random_size_m
from estimators.foundationpose.training.objects.surfaces import Thing, painted

_STREAM = 0x7068696E  # keeps these generators apart from those of scenes


@lru_cache(256)
def thing(number: int) -> Thing:
    """An object; the same number gives the same one, down to the byte.

    Args:
        number: 0 or above; as many as anybody wants.
    """
    rng = np.random.default_rng([_STREAM, number])
    size_m = random_size_m(rng)
    return painted(make_shape(size_m, rng), rng)


@lru_cache(4096)
def size_of(number: int) -> float:
    """Longest side of ``thing`` of this number, metres, without making it."""
    return random_size_m(np.random.default_rng([_STREAM, number]))
