"""Symmetries as lists of transforms, and the equal of a pose that is nearest to another."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from schemas import JobObject, Pose
from schemas.arrays import Array

_STEPS = 72
_MM = 1e-3


def symmetry_transforms(item: JobObject, center_m: Array) -> Array:
    """All ways to turn an object, about its centre, that leave it as it is.

    Every discrete one with every step of 5 degrees about every continuous axis, the identity first.

    Args:
        item: Of a job; its symmetries have passed ``usable.check_symmetries``.
        center_m: (3,) what is subtracted from its mesh.

    Returns:
        (S, 4, 4) float64 obj_from_obj of the centred mesh, metres.
    """
    out = np.stack([np.eye(4), *item.symmetries.discrete])
    for symmetry in item.symmetries.continuous:
        turns = _turns(symmetry.axis / np.linalg.norm(symmetry.axis), symmetry.offset_m)
        out = (out[:, None] @ turns[None]).reshape(-1, 4, 4)
    to_center, from_center = np.eye(4), np.eye(4)
    to_center[:3, 3], from_center[:3, 3] = -center_m, center_m
    return to_center @ out @ from_center


def nearest_equal(cam_from_obj: Pose, symmetries: Array, to: Pose) -> Pose:
    """The pose, of those that look the same, whose rotation is nearest to another's.

    Args:
        cam_from_obj: Of the centred mesh, like ``to``.
        symmetries: (S, 4, 4) of ``symmetry_transforms``.
        to: What it is compared with.
    """
    if len(symmetries) == 1:
        return cam_from_obj
    equal = cam_from_obj.matrix() @ symmetries
    best = int(np.argmax(np.einsum("sij,ij->s", equal[:, :3, :3], to.rotation)))
    return cam_from_obj @ Pose.from_matrix(symmetries[best]) if best else cam_from_obj


def reference_transforms(info: Mapping[str, Any]) -> Array:
    """The list that the reference makes of an entry of BOP's models_info.json; for comparison with it only.

    It takes the first axis alone, steps about the first of x, y, z in which the axis is above 0, leaves the offset in
    millimetres, and does not multiply discrete with continuous ones; ``symmetry_transforms`` does better.

    Args:
        info: ``symmetries_discrete`` (16 numbers each, millimetres) and ``symmetries_continuous`` (axis, offset).

    Returns:
        (S, 4, 4) float64, the identity first.
    """
    parts = [np.eye(4)]
    for numbers in info.get("symmetries_discrete", ()):
        matrix = np.array(numbers, np.float64).reshape(4, 4)
        matrix[:3, 3] *= _MM
        parts.append(matrix)
    for symmetry in info.get("symmetries_continuous", ())[:1]:
        parts += _reference_turns(symmetry["axis"], symmetry["offset"])
    return np.stack(parts)


def _reference_turns(axis: Sequence[float], offset: Sequence[float]) -> list[Array]:
    main = next((k for k in range(3) if axis[k] > 0), None)
    turns = np.eye(4)[None] if main is None else _turns(np.eye(3)[main], np.zeros(3))
    turns[:, :3, 3] = offset
    return list(turns)


def _turns(axis: Array, place_m: Array) -> Array:
    """(72, 4, 4) rotations in steps of 5 degrees about an axis of length 1 through a place, the identity first."""
    angles = np.arange(_STEPS) * (2 * np.pi / _STEPS)
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    out = np.tile(np.eye(4), (_STEPS, 1, 1))
    out[:, :3, :3] += np.sin(angles)[:, None, None] * cross + (1 - np.cos(angles))[:, None, None] * (cross @ cross)
    out[:, :3, 3] = place_m - out[:, :3, :3] @ place_m
    return out
