"""Jobs, events and offsets."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

JSONB = postgresql.JSONB()
NUMBERS = postgresql.ARRAY(sa.Float(53))
BY_CAPTURE = "RANGE (captured_at)"


def _now(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _numbers(*names: str, nullable: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.BigInteger(), nullable=nullable) for name in names]


def _frame_key() -> list[sa.Column[Any]]:
    captured_at = sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False)
    return [captured_at, *_texts("job_id", "run_id"), *_numbers("seq")]


def _make_jobs() -> None:
    op.create_table(
        "jobs",
        *_texts("id", "pool", "estimator", "mode"),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("options", JSONB, nullable=False),
        _now("created_at"),
        sa.Column("removed_at", sa.DateTime(timezone=True)),
        *_texts("topic_id"),
        *_numbers("record_offset"),
        sa.PrimaryKeyConstraint("id", name="jobs_pkey"),
    )
    op.create_table(
        "objects",
        *_texts("job_id", "object_id"),
        sa.Column("position", sa.Integer(), nullable=False),
        *_texts("model_uri"),
        sa.Column("model_unit_m", sa.Float(53), nullable=False),
        sa.Column("symmetries", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "object_id", name="objects_pkey"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE"),
    )


def _make_events() -> None:
    op.create_table(
        "pose_events",
        *_frame_key(),
        *_numbers("captured_ns", "published_ns", "produced_ns"),
        *_texts("estimator", "estimator_version", "weights_digest", "frame_of_reference", "traceparent"),
        sa.Column("stage_s", JSONB, nullable=False),
        *_numbers("skipped_first", "skipped_last", nullable=True),
        _now("stored_at"),
        sa.PrimaryKeyConstraint("captured_at", "job_id", "run_id", "seq", name="pose_events_pkey"),
        postgresql_partition_by=BY_CAPTURE,
    )
    op.create_index("pose_events_job_id_run_id_seq_idx", "pose_events", ["job_id", "run_id", "seq"])
    op.create_index("pose_events_job_id_produced_ns_idx", "pose_events", ["job_id", "produced_ns"])
    op.create_table(
        "object_poses",
        *_frame_key(),
        *_texts("object_id", "state"),
        sa.Column("score", sa.Float(53), nullable=False),
        *(sa.Column(name, NUMBERS) for name in ("rotation", "translation_m", "covariance")),
        sa.PrimaryKeyConstraint("captured_at", "job_id", "run_id", "seq", "object_id", name="object_poses_pkey"),
        postgresql_partition_by=BY_CAPTURE,
    )
    op.create_index("object_poses_job_id_run_id_seq_idx", "object_poses", ["job_id", "run_id", "seq"])
    for table in ("pose_events", "object_poses"):
        op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")


def _make_status() -> None:
    op.create_table(
        "status_events",
        *_texts("topic_id"),
        sa.Column("partition", sa.Integer(), nullable=False),
        *_numbers("record_offset"),
        *_texts("job_id", "run_id", "kind"),
        *_numbers("at_ns"),
        *_texts("status", "reason"),
        *_numbers("first_seq", "last_seq", nullable=True),
        sa.PrimaryKeyConstraint("topic_id", "partition", "record_offset", name="status_events_pkey"),
    )
    op.create_index("status_events_job_id_at_ns_idx", "status_events", ["job_id", "at_ns"])


def _make_offsets() -> None:
    op.create_table(
        "sink_offsets",
        *_texts("topic_id", "topic"),
        sa.Column("partition", sa.Integer(), nullable=False),
        *_numbers("next_offset"),
        _now("updated_at"),
        sa.PrimaryKeyConstraint("topic_id", "topic", "partition", name="sink_offsets_pkey"),
    )


def upgrade() -> None:
    _make_jobs()
    _make_events()
    _make_status()
    _make_offsets()


def downgrade() -> None:
    for table in ("sink_offsets", "status_events", "object_poses", "pose_events", "objects", "jobs"):
        op.drop_table(table)
