"""Which objects of a job can be used: one that cannot fails by itself, and the others go on."""

import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np

from schemas import BadJob, Job, JobObject

_LOG = logging.getLogger("posestream.estimators")
_ORTHONORMAL_TOLERANCE = 1e-3  # rounded text in models_info.json
_LEAST_AXIS = 1e-6
Model = TypeVar("Model")


def usable(job: Job, make: Callable[[JobObject], Model]) -> tuple[dict[str, Model], Mapping[str, str]]:
    """What is made of each object of a job.

    Args:
        job: Of one object or more.
        make: Raises BadJob, with the object's name, where an object cannot be used.

    Returns:
        object_id -> its model; and object_id -> why it has none.

    Raises:
        BadJob: None of its objects can be used; each is named with the reason.
    """
    models: dict[str, Model] = {}
    refused: dict[str, str] = {}
    for item in job.objects:
        try:
            check_symmetries(item)
            models[item.object_id] = make(item)
        except BadJob as error:
            refused[item.object_id] = str(error)
            _LOG.warning("job %s goes on without an object: %s", job.id, error)
    if refused and not models:
        raise BadJob("; ".join(refused.values()))
    return models, refused


def check_symmetries(item: JobObject) -> None:
    """Let an object's declared symmetries pass only where they are ones.

    Raises:
        BadJob: A discrete one that is no rotation (orthonormal to 1e-3, determinant 1), or an axis without direction.
    """
    for matrix in item.symmetries.discrete:
        rotation = matrix[:3, :3]
        error = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
        if error > _ORTHONORMAL_TOLERANCE or np.linalg.det(rotation) < 0:
            msg = (
                f"object {item.object_id}: expected a discrete symmetry that is a rotation, got {rotation.tolist()}, "
                f"off by {error:.2g}, determinant {np.linalg.det(rotation):.3g}"
            )
            raise BadJob(msg)
    for symmetry in item.symmetries.continuous:
        if float(np.linalg.norm(symmetry.axis)) < _LEAST_AXIS:
            msg = f"object {item.object_id}: expected an axis of symmetry, got {symmetry.axis.tolist()}"
            raise BadJob(msg)
