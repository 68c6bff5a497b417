"""When a frame was taken and begun, and whether its camera's clock ran forward."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIMES = ("received_ns", "started_ns")


def upgrade() -> None:
    for name in TIMES:
        op.add_column("pose_events", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("pose_events", sa.Column("capture_clock", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    for name in ("capture_clock", *TIMES):
        op.drop_column("pose_events", name)
