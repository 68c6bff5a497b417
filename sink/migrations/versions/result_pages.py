"""Pages of results by object and time of capture: the index holds all that a page is chosen and ordered by."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLE = "object_poses"
_BEFORE, _NOW = "object_poses_job_id_run_id_seq_idx", "object_poses_page_idx"


def upgrade() -> None:
    op.create_index(_NOW, _TABLE, ["job_id", "run_id", "seq", "object_id", "captured_at"])
    op.drop_index(_BEFORE, _TABLE)


def downgrade() -> None:
    op.create_index(_BEFORE, _TABLE, ["job_id", "run_id", "seq"])
    op.drop_index(_NOW, _TABLE)
