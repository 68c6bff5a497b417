"""Pieces that several records share."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from schemas.arrays import Array
from schemas.event import SeqRange
from schemas.geometry import Pose, is_rotation
from schemas.track import Estimate, State

Avro = dict[str, Any]
"""A record as fastavro takes and gives it."""

_STATES = frozenset(state.value for state in State)


def numbers(array: Array | None) -> list[float] | None:
    """An array as a flat list of doubles, row-major."""
    return None if array is None else array.ravel().tolist()


def matrix(values: list[float], shape: tuple[int, ...]) -> Array:
    """A flat list of doubles as an array.

    Raises:
        ValueError: Another count.
    """
    return np.array(values, np.float64).reshape(shape)


def range_to(frames: SeqRange | None) -> Avro | None:
    """A range as a record."""
    return None if frames is None else {"first": frames.first, "last": frames.last}


def range_from(record: Avro | None) -> SeqRange | None:
    """A record as a range."""
    return None if record is None else SeqRange(record["first"], record["last"])


def estimates_to(estimates: Mapping[str, Estimate], *, memory: bool) -> Avro:
    """Estimates by object as records; ``memory`` only where the record has a place for it."""
    return {name: _estimate_to(one) | ({"memory": one.memory} if memory else {}) for name, one in estimates.items()}


def estimates_from(records: Avro) -> dict[str, Estimate]:
    """Records by object as estimates."""
    return {name: _estimate_from(record) for name, record in records.items()}


def is_range(record: Avro) -> bool:
    """Whether ``range_from`` takes a record."""
    return 0 <= record["first"] <= record["last"]


def is_sound(estimate: Avro) -> bool:
    """True only where an estimate's record is one that ``estimates_from`` takes; False needs its closer look."""
    rotation, translation, covariance = estimate["rotation"], estimate["translation_m"], estimate["covariance"]
    if rotation is None or translation is None:
        posed = rotation is translation is None and estimate["state"] == State.LOST.value
    else:
        posed = _are_finite(rotation, 9) and is_rotation(rotation) and _are_finite(translation, 3)
    return (
        posed
        and 0.0 <= estimate["score"] <= 1.0
        and estimate["state"] in _STATES
        and (covariance is None or _are_finite(covariance, 36))
    )


def _are_finite(numbers: Sequence[float], count: int) -> bool:
    """True only where they are so many finite ones; a sum beyond the largest double is False too."""
    return len(numbers) == count and math.isfinite(sum(numbers))


def _estimate_to(estimate: Estimate) -> Avro:
    pose = estimate.cam_from_obj
    return {
        "rotation": None if pose is None else numbers(pose.rotation),
        "translation_m": None if pose is None else numbers(pose.translation_m),
        "score": estimate.score,
        "state": estimate.state.value,
        "covariance": numbers(estimate.covariance),
    }


def _estimate_from(record: Avro) -> Estimate:
    rotation, translation, covariance = record["rotation"], record["translation_m"], record["covariance"]
    if (rotation is None) != (translation is None):
        msg = "estimate: expected rotation and translation_m together, got one of them"
        raise ValueError(msg)
    pose = None if rotation is None else Pose(matrix(rotation, (3, 3)), matrix(translation, (3,)))
    return Estimate(
        pose,
        record["score"],
        State(record["state"]),
        None if covariance is None else matrix(covariance, (6, 6)),
        record.get("memory"),
    )
