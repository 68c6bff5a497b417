"""Estimators by name; what they import is imported when one is asked for."""

from collections.abc import Callable

from estimators.base import Estimator
from schemas import BadJob


def load(name: str, threads: int = 1) -> Estimator:
    """A new estimator.

    Args:
        name: One of ``names``.
        threads: How many it may work on at once; 0 for as many as there are usable cores.

    Raises:
        BadJob: No estimator has this name.
    """
    if name not in _LOADERS:
        msg = f"estimator: expected one of {', '.join(names())}, got {name!r}"
        raise BadJob(msg)
    return _LOADERS[name](threads)


def names() -> list[str]:
    """The names that ``load`` knows."""
    return sorted(_LOADERS)


def _geometric(threads: int) -> Estimator:
    from estimators.geometric import GeometricEstimator

    return GeometricEstimator(threads=threads)


_LOADERS: dict[str, Callable[[int], Estimator]] = {"geometric": _geometric}
