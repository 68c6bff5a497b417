"""What the tables know: for the command line, the HTTP routes and the page."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, Engine, RowMapping, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.exc import DBAPIError

from schemas import Estimate, Overloaded, Pose, PoseEvent, SeqRange, State
from sink.models import JobRow, ObjectPoseRow, ObjectRow, PoseEventRow, StatusEventRow

_EVENTS = PoseEventRow.__table__
_OBJECTS = ObjectPoseRow.__table__


@dataclass(frozen=True, slots=True)
class ObjectView:
    """An object of a job; fields as in ``schemas.JobObject``."""

    object_id: str
    model_uri: str
    model_unit_m: float


@dataclass(frozen=True, slots=True)
class JobView:
    """A job and its state.

    Attributes:
        status: The newest ``StatusEvent`` of kind ``job``; ``pending`` where there is none.
        reason: What that status event said.
        removed: A tombstone took the job away; its results are still there.
    """

    id: str
    pool: str
    estimator: str
    mode: str
    partition: int
    priority: int
    status: str
    reason: str
    removed: bool
    objects: tuple[ObjectView, ...]


@dataclass(frozen=True, slots=True)
class RunCount:
    """What is stored of one run.

    Attributes:
        events: Rows in ``pose_events``.
        skipped: Frames that the events say were skipped.
        first_produced_ns: When its first event was made; runs are listed in this order.
    """

    run_id: str
    events: int
    first_seq: int
    last_seq: int
    skipped: int
    first_produced_ns: int


class Queries:
    """Reads the tables; may be used by several threads.

    Every method raises ``Overloaded`` while Postgres does not answer.

    Args:
        engine: Of a migrated database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def jobs(self) -> list[JobView]:
        """All jobs, the newest first; removed ones too."""
        with self._connected() as connection:
            return _job_views(connection, None)

    def job(self, job_id: str) -> JobView | None:
        """One job; None where there is none of that id."""
        with self._connected() as connection:
            return next(iter(_job_views(connection, job_id)), None)

    def counts(self, job_id: str) -> list[RunCount]:
        """What is stored of each run of a job, the oldest run first."""
        skipped = func.coalesce(func.sum(PoseEventRow.skipped_last - PoseEventRow.skipped_first + 1), 0)
        first_made = func.min(PoseEventRow.produced_ns)
        query = (
            select(
                PoseEventRow.run_id,
                func.count(),
                func.min(PoseEventRow.seq),
                func.max(PoseEventRow.seq),
                skipped,
                first_made,
            )
            .where(PoseEventRow.job_id == job_id)
            .group_by(PoseEventRow.run_id)
            .order_by(first_made)
        )
        with self._connected() as connection:
            return [RunCount(row[0], *map(int, row[1:])) for row in connection.execute(query)]

    def latest(self, job_id: str) -> PoseEvent | None:
        """The event that was made last; None where there is none."""
        query = select(_EVENTS).where(PoseEventRow.job_id == job_id).order_by(PoseEventRow.produced_ns.desc()).limit(1)
        with self._connected() as connection:
            return next(iter(_with_objects(connection, connection.execute(query).mappings().all())), None)

    def events(self, job_id: str, run_id: str | None = None, after_seq: int = -1, limit: int = 1000) -> list[PoseEvent]:
        """Events of one run in the order of their frames.

        Args:
            job_id: The job.
            run_id: The run; None for the one whose event was made last.
            after_seq: Only later frames.
            limit: At most this many.
        """
        with self._connected() as connection:
            run = run_id if run_id is not None else _newest_run(connection, job_id)
            query = (
                select(_EVENTS)
                .where(PoseEventRow.job_id == job_id, PoseEventRow.run_id == run, PoseEventRow.seq > after_seq)
                .order_by(PoseEventRow.seq)
                .limit(limit)
            )
            return _with_objects(connection, connection.execute(query).mappings().all())

    def ping(self) -> None:
        """Ask the server for nothing; raises Overloaded where it does not answer."""
        with self._connected() as connection:
            connection.execute(select(1))

    @contextmanager
    def _connected(self) -> Generator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            reason = f"database {self._engine.url.render_as_string()}: {error.orig}".strip()
            raise Overloaded(reason) from error


def _job_views(connection: Connection, job_id: str | None) -> list[JobView]:
    jobs = select(JobRow.__table__).order_by(JobRow.created_at.desc(), JobRow.id)
    objects = select(ObjectRow.__table__).order_by(ObjectRow.job_id, ObjectRow.position)
    states = (
        select(StatusEventRow.job_id, StatusEventRow.status, StatusEventRow.reason)
        .where(StatusEventRow.kind == "job")
        .ext(distinct_on(StatusEventRow.job_id))
        .order_by(StatusEventRow.job_id, StatusEventRow.at_ns.desc(), StatusEventRow.record_offset.desc())
    )
    if job_id is not None:
        jobs, objects = jobs.where(JobRow.id == job_id), objects.where(ObjectRow.job_id == job_id)
        states = states.where(StatusEventRow.job_id == job_id)
    by_job: dict[str, list[ObjectView]] = {}
    for row in connection.execute(objects).mappings():
        item = ObjectView(row["object_id"], row["model_uri"], row["model_unit_m"])
        by_job.setdefault(row["job_id"], []).append(item)
    state_of = {job: (status, reason) for job, status, reason in connection.execute(states)}
    return [
        _job_view(row, *state_of.get(row["id"], ("pending", "")), tuple(by_job.get(row["id"], ())))
        for row in connection.execute(jobs).mappings()
    ]


def _job_view(row: RowMapping, status: str, reason: str, objects: tuple[ObjectView, ...]) -> JobView:
    same = {name: row[name] for name in ("id", "pool", "estimator", "mode", "partition", "priority")}
    return JobView(**same, status=status, reason=reason, removed=row["removed_at"] is not None, objects=objects)


def _newest_run(connection: Connection, job_id: str) -> str | None:
    query = select(PoseEventRow.run_id).where(PoseEventRow.job_id == job_id)
    return connection.execute(query.order_by(PoseEventRow.produced_ns.desc()).limit(1)).scalar()


def _with_objects(connection: Connection, events: Sequence[RowMapping]) -> list[PoseEvent]:
    if not events:
        return []
    job_id, run_id = events[0]["job_id"], events[0]["run_id"]
    found: dict[int, dict[str, Estimate]] = {}
    query = select(_OBJECTS).where(
        ObjectPoseRow.job_id == job_id,
        ObjectPoseRow.run_id == run_id,
        ObjectPoseRow.seq.between(events[0]["seq"], events[-1]["seq"]),
    )
    for row in connection.execute(query.order_by(ObjectPoseRow.seq, ObjectPoseRow.object_id)).mappings():
        found.setdefault(row["seq"], {})[row["object_id"]] = _estimate(row)
    return [_event(row, found.get(row["seq"], {})) for row in events]


def _event(row: RowMapping, estimates: dict[str, Estimate]) -> PoseEvent:
    skipped = None if row["skipped_first"] is None else SeqRange(row["skipped_first"], row["skipped_last"])
    same = {name: row[name] for name in PoseEvent.__dataclass_fields__ if name not in ("estimates", "skipped")}
    return PoseEvent(**same, estimates=estimates, skipped=skipped)


def _estimate(row: RowMapping) -> Estimate:
    pose = None
    if row["rotation"] is not None:
        pose = Pose(np.array(row["rotation"]).reshape(3, 3), np.array(row["translation_m"]))
    covariance = None if row["covariance"] is None else np.array(row["covariance"]).reshape(6, 6)
    return Estimate(pose, row["score"], State(row["state"]), covariance)
