"""The tables of the sink, as SQLAlchemy models; ``sink/migrations`` makes them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Float, ForeignKey, Index, Integer, MetaData, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The parent of every table; its metadata is what migrations are compared with."""

    metadata = MetaData(naming_convention={"pk": "%(table_name)s_pkey", "ix": "%(table_name)s_%(column_0_N_name)s_idx"})
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        int: BigInteger,
        str: Text,
        float: Float(53),
        datetime: DateTime(timezone=True),
    }


class JobRow(Base):
    """A job as its newest record in topic ``jobs`` tells it; its state follows from ``status_events``.

    Attributes:
        options: Settings of the estimator, text to text.
        removed_at: When a tombstone took the job away; its results stay.
        topic_id: Of the topic that ``record_offset`` counts in.
        record_offset: Of the record this row was made from; an older record never overwrites a newer one.
    """

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(primary_key=True)
    pool: Mapped[str]
    estimator: Mapped[str]
    mode: Mapped[str]
    partition: Mapped[int] = mapped_column(Integer)
    priority: Mapped[int] = mapped_column(Integer)
    options: Mapped[dict[str, str]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    removed_at: Mapped[datetime | None]
    topic_id: Mapped[str]
    record_offset: Mapped[int]


class ObjectRow(Base):
    """An object of a job.

    Attributes:
        position: Its place in the job's list, from 0.
        model_unit_m: Metres in one unit of the model's file.
        symmetries: ``{"discrete": [16 numbers, ...], "continuous": [{"axis": [3], "offset_m": [3]}, ...]}``.
    """

    __tablename__ = "objects"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    object_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(Integer)
    model_uri: Mapped[str]
    model_unit_m: Mapped[float]
    symmetries: Mapped[dict[str, Any]] = mapped_column(JSONB)


class PoseEventRow(Base):
    """One event: the answer to one frame.

    The primary key holds ``captured_at`` because the table is partitioned by it; a redelivered event
    has the same capture time, so the key still makes (job, run, seq) unique.

    Attributes:
        captured_at: ``captured_ns`` rounded down to microseconds, which is all that timestamptz holds.
        captured_ns: Exact, nanoseconds since the Unix epoch.
        stage_s: Stage name to seconds.
        skipped_first: With ``skipped_last`` the frames skipped just before, both included; null for none.
        stored_at: When the transaction that wrote the row began.
        received_ns: When a worker took the frame; null in events from before it was kept, as the next one.
        started_ns: When its handling began.
        capture_clock: repeated, backwards or jumped where the time of capture does not follow on the frame before.
    """

    __tablename__ = "pose_events"
    __table_args__ = (
        Index(None, "job_id", "run_id", "seq"),
        Index(None, "job_id", "produced_ns"),
        {"postgresql_partition_by": "RANGE (captured_at)"},
    )

    captured_at: Mapped[datetime] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    captured_ns: Mapped[int]
    published_ns: Mapped[int]
    produced_ns: Mapped[int]
    estimator: Mapped[str]
    estimator_version: Mapped[str]
    weights_digest: Mapped[str]
    frame_of_reference: Mapped[str]
    traceparent: Mapped[str]
    stage_s: Mapped[dict[str, float]] = mapped_column(JSONB)
    skipped_first: Mapped[int | None]
    skipped_last: Mapped[int | None]
    stored_at: Mapped[datetime] = mapped_column(server_default=func.now())
    received_ns: Mapped[int | None]
    started_ns: Mapped[int | None]
    capture_clock: Mapped[str] = mapped_column(server_default="")


class ObjectPoseRow(Base):
    """One object in one event; written with its event, so no foreign key slows the batch down.

    Attributes:
        rotation: 9 numbers, the rotation of cam_from_obj row by row; null where there never was a pose.
        translation_m: 3 numbers, in metres; null as ``rotation``.
        covariance: 36 numbers row by row, see ``schemas.Estimate``; null where not known.
    """

    __tablename__ = "object_poses"
    __table_args__ = (
        # holds all that a page of results is chosen and ordered by: rows that are passed over are not fetched
        Index("object_poses_page_idx", "job_id", "run_id", "seq", "object_id", "captured_at"),
        {"postgresql_partition_by": "RANGE (captured_at)"},
    )

    captured_at: Mapped[datetime] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    object_id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    score: Mapped[float]
    rotation: Mapped[list[float] | None] = mapped_column(ARRAY(Float(53)))
    translation_m: Mapped[list[float] | None] = mapped_column(ARRAY(Float(53)))
    covariance: Mapped[list[float] | None] = mapped_column(ARRAY(Float(53)))


class StatusEventRow(Base):
    """Something that happened to a job; its record's place in Kafka makes it unique."""

    __tablename__ = "status_events"
    __table_args__ = (Index(None, "job_id", "at_ns"),)

    topic_id: Mapped[str] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    record_offset: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    job_id: Mapped[str]
    run_id: Mapped[str]
    kind: Mapped[str]
    at_ns: Mapped[int]
    status: Mapped[str]
    reason: Mapped[str]
    first_seq: Mapped[int | None]
    last_seq: Mapped[int | None]


class SinkOffsetRow(Base):
    """Where reading goes on after everything before it is in the tables; only rises.

    Attributes:
        topic_id: The id that Kafka gave the topic: a topic that is deleted and made anew starts at 0 again.
        next_offset: The first offset that is not in the tables.
    """

    __tablename__ = "sink_offsets"

    topic_id: Mapped[str] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    next_offset: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
