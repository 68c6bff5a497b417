"""Writes batches to Postgres: rows and offsets in one transaction, every row once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg2
from sqlalchemy import ColumnElement, Connection, Engine, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from schemas import Job, Overloaded
from sink.copying import cursor_of, stage
from sink.database import ensure_partitions
from sink.models import JobRow, ObjectRow, SinkOffsetRow
from sink.pose_tables import write_events
from sink.rows import STATUS_COLUMNS, EventRows, RecordPlace
from sink.rows import symmetries_json as _symmetries

_GONE = (OperationalError, InterfaceError, psycopg2.OperationalError, psycopg2.InterfaceError)
"""What a connection that dies raises: before, while, or after (in the rollback) the server says so."""


@dataclass(frozen=True, slots=True)
class JobChange:
    """A record of topic ``jobs``; ``job`` is None where a tombstone took the job away."""

    job_id: str
    job: Job | None
    place: RecordPlace


@dataclass(slots=True)
class Batch:
    """What is to be written together.

    Attributes:
        events: Pose events; those that are there already are left as they are.
        statuses: Rows of ``status_events``, as ``sink.rows.status_row`` makes them.
        jobs: In the order of their records.
        offsets: For each partition the place from which reading goes on once this batch is written.
    """

    events: list[EventRows] = field(default_factory=list[EventRows])
    statuses: list[bytes] = field(default_factory=list[bytes])
    jobs: list[JobChange] = field(default_factory=list[JobChange])
    offsets: list[RecordPlace] = field(default_factory=list[RecordPlace])

    def __len__(self) -> int:
        return len(self.events) + len(self.statuses) + len(self.jobs)


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows a batch added.

    Attributes:
        events: New pose events.
        repeated: Pose events that were there already.
        statuses: New status events.
    """

    events: int
    repeated: int
    statuses: int


class Store:
    """Writes to the tables: one call of ``write`` at a time, on any thread; offsets may be asked meanwhile.

    Args:
        engine: Of a migrated database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._month = (0, 0)
        self._repeating = False  # events come a second time, as after a worker's death

    def write(self, batch: Batch) -> Written:
        """Write a batch and its offsets in one transaction: all of it or nothing.

        A batch that was written before adds nothing, so it may be tried again after any failure.

        Raises:
            Overloaded: Postgres does not answer right now; nothing is known to be written.
        """
        try:
            self._keep_partitions()
            with self._engine.begin() as connection:
                _write_jobs(connection, batch.jobs)
                events, repeated = write_events(connection, batch.events, straight=not self._repeating)
                statuses = _write_statuses(connection, batch.statuses)
                _write_offsets(connection, batch.offsets)
            self._repeating = repeated > 0
            return Written(events, repeated, statuses)
        except _GONE as error:
            self._engine.dispose()  # the other pooled connections died with this one
            reason = f"database {self._engine.url.render_as_string()}: {error}".strip()
            raise Overloaded(reason) from error

    def offsets(self, topic_ids: Mapping[str, str]) -> dict[tuple[str, int], int]:
        """Where reading goes on.

        Args:
            topic_ids: Topic name -> the id it has now.

        Returns:
            (topic, partition) -> next offset, for the partitions that were ever written.

        Raises:
            Overloaded: Postgres does not answer right now.
        """
        wanted = tuple_(SinkOffsetRow.topic, SinkOffsetRow.topic_id).in_(list(topic_ids.items()))
        query = select(SinkOffsetRow.topic, SinkOffsetRow.partition, SinkOffsetRow.next_offset).where(wanted)
        try:
            with self._engine.connect() as connection:
                return {(topic, partition): following for topic, partition, following in connection.execute(query)}
        except DBAPIError as error:
            reason = f"database {self._engine.url.render_as_string()}: {error}".strip()
            raise Overloaded(reason) from error

    def _keep_partitions(self) -> None:
        now = datetime.now(UTC)
        if (now.year, now.month) != self._month:
            ensure_partitions(self._engine, now)
            self._month = (now.year, now.month)


def _write_statuses(connection: Connection, rows: Sequence[bytes]) -> int:
    if not rows:
        return 0
    cursor = cursor_of(connection)
    stage(cursor, "status_events", STATUS_COLUMNS, rows)
    names = ", ".join(STATUS_COLUMNS)
    cursor.execute(
        f"INSERT INTO status_events ({names}) SELECT {names} FROM stage_status_events "  # noqa: S608 - our own names
        "ORDER BY topic_id, partition, record_offset ON CONFLICT DO NOTHING"
    )
    return int(cursor.rowcount)


def _write_jobs(connection: Connection, changes: Iterable[JobChange]) -> None:
    for change in changes:
        if change.job is None:
            _remove_job(connection, change)
        else:
            _upsert_job(connection, change.job, change.place)


def _upsert_job(connection: Connection, job: Job, place: RecordPlace) -> None:
    values = {
        **{name: getattr(job, name) for name in ("pool", "estimator", "partition", "priority")},
        "mode": job.mode.value,
        "options": dict(job.options),
        "removed_at": None,
        "topic_id": place.topic_id,
        "record_offset": place.offset,
    }
    statement = insert(JobRow).values(id=job.id, **values)
    statement = statement.on_conflict_do_update(index_elements=["id"], set_=values, where=_newer(place)).returning(
        JobRow.id
    )
    if connection.execute(statement).first() is None:
        return  # the table knows a newer record
    connection.execute(delete(ObjectRow).where(ObjectRow.job_id == job.id))
    rows = [
        {
            "job_id": job.id,
            "object_id": item.object_id,
            "position": position,
            "model_uri": item.model_uri,
            "model_unit_m": item.model_unit_m,
            "symmetries": _symmetries(item.symmetries),
        }
        for position, item in enumerate(job.objects)
    ]
    if rows:
        connection.execute(insert(ObjectRow), rows)


def _remove_job(connection: Connection, change: JobChange) -> None:
    place = change.place
    table = JobRow.__table__
    connection.execute(
        table.update()  # type: ignore[attr-defined] - declarative tables are Table objects
        .where(JobRow.id == change.job_id, _newer(place))
        .values(removed_at=func.now(), topic_id=place.topic_id, record_offset=place.offset)
    )


def _newer(place: RecordPlace) -> ColumnElement[bool]:
    return (JobRow.topic_id != place.topic_id) | (JobRow.record_offset < place.offset)


def _write_offsets(connection: Connection, places: Sequence[RecordPlace]) -> None:
    if places:
        ordered = sorted((one.topic_id, one.topic, one.partition, one.offset) for one in places)
        # as arrays: SQLAlchemy would compile a statement of its own for every count of partitions
        cursor_of(connection).execute(
            "INSERT INTO sink_offsets AS known (topic_id, topic, partition, next_offset) "
            "SELECT * FROM unnest(%s::text[], %s::text[], %s::integer[], %s::bigint[]) "
            "ON CONFLICT (topic_id, topic, partition) DO UPDATE "
            "SET next_offset = greatest(known.next_offset, excluded.next_offset), updated_at = now()",
            [list(column) for column in zip(*ordered, strict=True)],
        )
