"""A job: one stream, the objects to find in it and how."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf

from schemas.arrays import Array, checked_finite

MAX_RETRIES = 100

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Mode(StrEnum):
    """What happens to frames that the worker has no time for."""

    LIVE = "live"
    """Newest frame wins; every skip is counted and published as a range."""
    BOUNDED = "bounded"
    """In order while frames are younger than the job's deadline; older ones are skipped as in ``live``."""
    ALL = "all"
    """Nothing is skipped; the producer waits."""


class JobStatus(StrEnum):
    """Where a job is in its life."""

    PENDING = "pending"
    QUEUED = "queued"
    PROCESSING = "processing"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Wanted(StrEnum):
    """What people want of a job; its state says what came of that."""

    RUN = "run"
    PAUSE = "pause"
    """No frame is begun; the track is kept, and resuming goes on with it."""
    CANCEL = "cancel"
    """It ends for good: its track goes and its frames are skipped."""


@dataclass(frozen=True, slots=True, eq=False)
class ContinuousSymmetry:
    """Any turn about an axis leaves the object as it is.

    Attributes:
        axis: (3,) unit direction in the object's frame.
        offset_m: (3,) a point of the axis in the object's frame, metres.
    """

    axis: Array
    offset_m: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "axis", checked_finite("axis", self.axis, (3,)))
        object.__setattr__(self, "offset_m", checked_finite("offset_m", self.offset_m, (3,)))


@dataclass(frozen=True, slots=True, eq=False)
class Symmetries:
    """How an object may be turned without a visible change, as in BOP's models_info.json.

    Attributes:
        discrete: (4, 4) float64 ``obj_from_obj`` matrices in metres, without the identity.
        continuous: Axes of rotation.
    """

    discrete: tuple[Array, ...] = ()
    continuous: tuple[ContinuousSymmetry, ...] = ()

    def __post_init__(self) -> None:
        matrices = tuple(checked_finite("discrete symmetry", matrix, (4, 4)) for matrix in self.discrete)
        object.__setattr__(self, "discrete", matrices)


@dataclass(frozen=True, slots=True, eq=False)
class JobObject:
    """One object of a job.

    Attributes:
        object_id: Its name in masks, events and rows.
        model_uri: Where its mesh lies: a path or a ``file:`` URI of a PLY, OBJ or GLB file.
        model_unit_m: Metres in one unit of that file: 1.0, or 0.001 for BOP's PLY files.
        symmetries: Declared symmetries, in metres; empty where there are none.
    """

    object_id: str
    model_uri: str
    model_unit_m: float = 1.0
    symmetries: Symmetries = field(default_factory=Symmetries)

    def __post_init__(self) -> None:
        check_id("object_id", self.object_id)
        if not self.model_uri or not self.model_unit_m > 0:
            came = f"{self.model_uri!r}, {self.model_unit_m}"
            msg = f"object {self.object_id}: expected a model_uri and a unit above 0, got {came}"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A stream to be worked on.

    Attributes:
        id: Letters, digits, ``.``, ``_`` and ``-``; the Kafka key of everything about the job.
        objects: What to find.
        pool: The kind of worker; names the frames topic and the consumer group.
        estimator: A name in ``estimators.registry``.
        mode: What happens to frames that the worker has no time for.
        partition: Chosen when the job is made (the least loaded); frames, poses, tracks, prompts and
            status use this same number.
        priority: Higher first; ties in the order of creation.
        options: Settings of the estimator, as text.
        deadline_s: Mode ``bounded``: a frame that was published longer ago is skipped where a newer one waits.
        estimator_version: Of the estimator that must answer, or the beginning (8 characters or more) of its weights'
            digest; any where empty. A worker that has another fails the job.
        wanted: What people want of it now.
        retries: How often it is tried again after it failed.
        attempt: Which try this is, from 0.
        source: Address of the source that the service feeds it from, with whatever password is in it; empty where
            somebody starts a producer.
    """

    id: str
    objects: tuple[JobObject, ...]
    pool: str = "default"
    estimator: str = "geometric"
    mode: Mode = Mode.ALL
    partition: int = 0
    priority: int = 0
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    deadline_s: float = 1.0
    estimator_version: str = ""
    wanted: Wanted = Wanted.RUN
    retries: int = 0
    attempt: int = 0
    source: str = ""

    def __post_init__(self) -> None:
        check_id("job id", self.id)
        check_id("pool", self.pool)
        if self.partition < 0:
            msg = f"job {self.id}: expected a partition >= 0, got {self.partition}"
            raise ValueError(msg)
        if not 0 < self.deadline_s < inf:
            msg = f"job {self.id}: expected a deadline above 0 s, got {self.deadline_s}"
            raise ValueError(msg)
        if not (0 <= self.retries <= MAX_RETRIES and self.attempt >= 0):
            came = f"{self.retries}, {self.attempt}"
            msg = f"job {self.id}: expected 0 to {MAX_RETRIES} retries and an attempt >= 0, got {came}"
            raise ValueError(msg)
        names = [item.object_id for item in self.objects]
        if len(set(names)) != len(names):
            msg = f"job {self.id}: expected object ids that differ, got {names}"
            raise ValueError(msg)


def check_id(name: str, value: str) -> None:
    """Raise ValueError unless ``value`` may stand in a topic name, a key and a path."""
    if not _ID.fullmatch(value):
        msg = (
            f"{name}: expected letters, digits, '.', '_' or '-' (1 to 128, the first a letter or digit), got {value!r}"
        )
        raise ValueError(msg)
