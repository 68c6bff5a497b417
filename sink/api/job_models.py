"""What goes in and out of the routes about jobs and results."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas import JobStatus, Mode
from schemas.job import MAX_RETRIES
from sink.api.people_models import Name, Strict

Text = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f]*$")]
OPTIONS_LIMIT, OBJECTS_LIMIT = 32, 64
JOB_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"


class ObjectIn(Strict):
    """An object to find: its mesh lies in one of the service's model folders, or was uploaded (``mesh:ID``)."""

    object_id: Name
    model: str = Field(
        min_length=1, max_length=1024, pattern=r"^[^\x00-\x1f]+$", description="path of PLY, OBJ, GLB, or mesh:ID"
    )
    model_unit_m: float = Field(1.0, gt=0, le=1000, allow_inf_nan=False, description="metres in one unit of the file")


class JobIn(Strict):
    """A job to be made; without ``objects`` it has those that its source knows of."""

    id: Name
    objects: list[ObjectIn] = Field(default_factory=list[ObjectIn], max_length=OBJECTS_LIMIT)
    source: str = Field(
        "", max_length=2048, pattern=r"^[ -~]*$", description="what the service is to feed it from, SCHEME:PLACE"
    )
    pool: Name = "default"
    estimator: Name = "geometric"
    estimator_version: Text = ""
    mode: Mode = Mode.ALL
    deadline_s: float = Field(1.0, gt=0, le=3600, allow_inf_nan=False)
    priority: int = Field(0, ge=-100, le=100)
    retries: int = Field(0, ge=0, le=MAX_RETRIES)
    options: dict[Name, Text] = Field(default_factory=dict[str, str], max_length=OPTIONS_LIMIT)

    @model_validator(mode="after")
    def _something_to_find(self) -> Self:
        if not (self.objects or self.source):
            msg = "objects: expected at least one, or a source that knows some"
            raise ValueError(msg)
        return self


class ProgressOut(Strict):
    """How far somebody is with a job; ``seq`` is -1 before the first frame, ``total`` 0 where nobody knows."""

    member: str
    run_id: str
    seq: int
    total: int
    rate_hz: float
    waiting: int


class JobOut(Strict):
    """A job, its state, and how far it is.

    ``progress`` and ``producer`` are null where nobody works on it; ``source`` is empty where the service does not feed
    it, and shows no password.
    """

    id: str
    objects: list[str]
    pool: str
    estimator: str
    estimator_version: str
    mode: Mode
    partition: int
    priority: int
    retries: int
    attempt: int
    state: JobStatus | Literal["unknown"]
    reason: str
    source: str
    progress: ProgressOut | None
    producer: ProgressOut | None


class JobPage(Strict):
    """Jobs by id; ``next`` is the ``after`` of the next page, null at the end."""

    jobs: list[JobOut]
    next: str | None


class MemberOut(Strict):
    """A worker that lives."""

    id: str
    pool: str
    host: str
    at: datetime
    started_at: datetime
    jobs: list[str]


class ModelOut(Strict):
    """An estimator of one version with one set of weights, and the workers that know it.

    ``digest`` is empty where it needs no weights or has none; ``missing`` says what is needed before it can be used.
    """

    name: str
    version: str
    digest: str
    missing: str
    pools: list[str]
    workers: int


class PersonOut(Strict):
    """Who has a right on a job."""

    name: str
    right: Literal["owner", "reader"]


class PoseOut(Strict):
    """One object in one frame.

    Attributes:
        captured_at: To microseconds.
        rotation: 9 numbers, ``cam_from_obj`` row by row, OpenCV axes; null where there never was a pose.
        translation_m: 3 numbers, metres; null as ``rotation``.
    """

    run_id: str
    seq: int
    captured_at: datetime
    object_id: str
    state: Literal["registered", "tracked", "lost"]
    score: float
    rotation: list[float] | None
    translation_m: list[float] | None


class PosePage(Strict):
    """Poses by run, frame and object; ``next`` is the ``cursor`` of the next page, null at the end."""

    poses: list[PoseOut]
    next: str | None
