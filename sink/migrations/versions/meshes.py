"""Uploaded meshes."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "meshes",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("id", "user_id", "name", "suffix")),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("unit_m", sa.Float(53), nullable=False),
        sa.Column("faces", sa.BigInteger()),
        sa.Column("extent_m", sa.Float(53)),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="meshes_pkey"),
    )
    op.create_index("meshes_user_id_idx", "meshes", ["user_id"])


def downgrade() -> None:
    op.drop_table("meshes")
