"""Estimators by name; what they import is imported when one is asked for."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from estimators.base import Estimator
from schemas import BadJob

_LOG = logging.getLogger("posestream.estimators")


@dataclass(frozen=True, slots=True)
class Resources:
    """What an estimator may use; each takes what concerns it.

    Attributes:
        threads: How many it may work on at once; 0 for as many as there are usable cores.
        weights: Folder with the weights of its networks; None for where ``posestream weights import`` puts them.
        device: auto, cpu, cuda or cuda:N.
        precision: auto, fp32, bf16 or fp16.
        renderer: auto, numba, warp or nvdiffrast.
    """

    threads: int = 1
    weights: Path | None = None
    device: str = "auto"
    precision: str = "auto"
    renderer: str = "auto"


def load(name: str, resources: Resources | None = None) -> Estimator:
    """A new estimator.

    Args:
        name: One of ``names``.
        resources: What it may use.

    Raises:
        BadJob: No estimator has this name, or it cannot work with these resources.
    """
    if name not in _LOADERS:
        msg = f"estimator: expected one of {', '.join(names())}, got {name!r}"
        raise BadJob(msg)
    return _LOADERS[name](resources or Resources())


def names() -> list[str]:
    """The names that ``load`` knows."""
    return sorted(_LOADERS)


def without_package(error: ModuleNotFoundError) -> BadJob:
    """What to say where a package of the network estimators is missing."""
    return BadJob(
        f"network estimators: expected the package {error.name} to be installed, it is not; "
        "pip install 'posestream[torch]'. The estimator geometric needs none"
    )


def _geometric(resources: Resources) -> Estimator:
    from estimators.geometric import GeometricEstimator

    return GeometricEstimator(threads=resources.threads)


def _foundationpose(resources: Resources) -> Estimator:
    try:
        from estimators.foundationpose.device import Device
        from estimators.foundationpose.estimator import FoundationPoseEstimator
    except ModuleNotFoundError as error:
        raise without_package(error) from error
    device = Device.named(resources.device, resources.precision, resources.renderer)
    return FoundationPoseEstimator(resources.weights, device, resources.threads)


def _gen6d(resources: Resources) -> Estimator:
    try:
        from estimators.foundationpose.device import Device
        from estimators.gen6d.estimator import Gen6DEstimator
    except ModuleNotFoundError as error:
        raise without_package(error) from error
    device = Device.named(resources.device, resources.precision)
    if resources.precision not in ("auto", "fp32"):
        _LOG.warning(
            "gen6d computes in fp32 as its published networks do; precision %s is not for it", resources.precision
        )
    return Gen6DEstimator(resources.weights, device.place, resources.threads)


_LOADERS: dict[str, Callable[[Resources], Estimator]] = {
    "geometric": _geometric,
    "foundationpose": _foundationpose,
    "gen6d": _gen6d,
}
