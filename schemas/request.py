"""A job that a program asks for by a topic."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RequestedObject:
    """An object to find.

    Attributes:
        object_id: Its name in masks, events and rows.
        model: Where its mesh lies: a file in a model folder of the service, or ``mesh:ID``.
        model_unit_m: Metres in one unit of that file.
    """

    object_id: str
    model: str
    model_unit_m: float = 1.0


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What ``POST /api/v1/jobs`` takes, as a word; the service that makes the job checks what is in it.

    Attributes:
        id: Of the job that is to be made.
        objects: What to find; those that the source knows of where there are none.
        source: What the service is to feed it from; empty where somebody starts a producer.
        mode: live, bounded or all.

    The other fields are as in ``schemas.job.Job``.
    """

    id: str
    objects: tuple[RequestedObject, ...] = ()
    source: str = ""
    pool: str = "default"
    estimator: str = "geometric"
    estimator_version: str = ""
    mode: str = "all"
    deadline_s: float = 1.0
    priority: int = 0
    retries: int = 0
    options: Mapping[str, str] = field(default_factory=dict[str, str])
