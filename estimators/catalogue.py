"""Which estimators this machine could run, told without importing one."""

import hashlib
import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from estimators.versions import VERSIONS
from estimators.weights.place import default_folder, manifest_of
from schemas.heartbeat import EstimatorOffer

_PACKAGES = ("torch", "safetensors", "yaml")
NETWORKS: Mapping[str, tuple[str, ...]] = {
    "foundationpose": ("refiner", "scorer"),
    "gen6d": ("detector", "selector", "refiner"),
}
"""Kinds of networks of an estimator in the order of the weights' digest, as in its ``Family``."""


def catalogue(weights: Path | None) -> tuple[EstimatorOffer, ...]:
    """Every estimator with its version, the digest of its imported weights, and what it lacks.

    Published weights that were not imported are not looked for here; a job finds them all the same.

    Args:
        weights: Folder with weights; None for where ``posestream weights import`` puts them.
    """
    return tuple(_offer(name, weights) for name in sorted(VERSIONS))


def _offer(name: str, weights: Path | None) -> EstimatorOffer:
    if name not in NETWORKS:
        return EstimatorOffer(name, VERSIONS[name], "", "")
    absent = [package for package in _PACKAGES if find_spec(package) is None]
    if absent:
        return EstimatorOffer(name, VERSIONS[name], "", f"packages {', '.join(absent)}: posestream[torch]")
    digest = _digest(manifest_of(weights or default_folder(name), name), NETWORKS[name])
    return EstimatorOffer(name, VERSIONS[name], digest, "" if digest else "weights: posestream weights import")


def _digest(manifest: Path, kinds: tuple[str, ...]) -> str:
    """As ``estimators.weights.files.load`` computes it; "" where nothing usable was imported."""
    try:
        entries = json.loads(manifest.read_text())["networks"]
        return hashlib.sha256("".join(entries[kind]["checkpoint_sha256"] for kind in kinds).encode()).hexdigest()
    except (OSError, ValueError, KeyError, TypeError):
        return ""
