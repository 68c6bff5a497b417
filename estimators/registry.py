"""Estimators by name; what they import is imported when one is asked for."""

from collections.abc import Callable

from estimators.base import Estimator
from schemas import BadJob


def load(name: str) -> Estimator:
    """A new estimator.

    Raises:
        BadJob: No estimator has this name.
    """
    if name not in _LOADERS:
        msg = f"estimator: expected one of {', '.join(names())}, got {name!r}"
        raise BadJob(msg)
    return _LOADERS[name]()


def names() -> list[str]:
    """The names that ``load`` knows."""
    return sorted(_LOADERS)


def _geometric() -> Estimator:
    from estimators.geometric import GeometricEstimator

    return GeometricEstimator()


_LOADERS: dict[str, Callable[[], Estimator]] = {"geometric": _geometric}
