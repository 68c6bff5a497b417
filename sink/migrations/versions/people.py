"""Accounts, sessions, API keys, who owns which job, and the audit log."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def _now(name: str) -> sa.Column[Any]:
    return sa.Column(name, TIME, server_default=sa.func.now(), nullable=False)


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _of_user(table: str, *columns: sa.Column[Any], key: tuple[str, ...] = ("id",)) -> None:
    keys = [sa.PrimaryKeyConstraint(*key, name=f"{table}_pkey")]
    owner = sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE")
    op.create_table(table, *columns, *keys, owner)


def upgrade() -> None:
    op.create_table(
        "users",
        *_texts("id", "name", "role"),
        sa.Column("password_hash", sa.Text()),
        _now("created_at"),
        sa.Column("disabled_at", TIME),
        sa.PrimaryKeyConstraint("id", name="users_pkey"),
        sa.UniqueConstraint("name", name="users_name_key"),
    )
    ends = sa.Column("expires_at", TIME, nullable=False), sa.Column("revoked_at", TIME)
    _of_user("sessions", *_texts("id", "user_id", "refresh_hash"), _now("created_at"), *ends)
    ends = sa.Column("expires_at", TIME), sa.Column("revoked_at", TIME)
    _of_user("api_keys", *_texts("id", "user_id", "name", "secret_hash"), _now("created_at"), *ends)
    _of_user("job_people", *_texts("job_id", "user_id", "right"), key=("job_id", "user_id"))
    for table in ("sessions", "api_keys"):
        op.create_index(f"{table}_user_id_idx", table, ["user_id"])
    owner = sa.text("\"right\" = 'owner'")
    op.create_index("job_people_owner_idx", "job_people", ["job_id"], unique=True, postgresql_where=owner)
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        _now("at"),
        sa.Column("user_id", sa.Text()),
        *_texts("who", "address", "action", "target"),
        sa.Column("outcome", sa.BigInteger(), nullable=False),
        sa.Column("detail", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="audit_log_pkey"),
    )
    op.create_index("audit_log_at_idx", "audit_log", ["at"])


def downgrade() -> None:
    for table in ("audit_log", "job_people", "api_keys", "sessions", "users"):
        op.drop_table(table)
