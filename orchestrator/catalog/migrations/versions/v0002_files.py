"""Final files with their integrity; parts of split recordings; limits."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_FILES = """
INSERT INTO files (recording_id, number, path, offset_s, duration_s, size_bytes, probe, made_at)
SELECT id, 1, output_path, 0, duration_s, size_bytes, probe, coalesce(ended_at, created_at)
FROM recordings WHERE state = 'completed' AND size_bytes IS NOT NULL
"""


def upgrade() -> None:
    """Adds what is new. Files of before keep integrity NULL: nobody checked them."""
    limits = sa.Column("limits", sa.JSON(), nullable=False, server_default="{}")
    op.add_column("recordings", limits)
    part = sa.Column("part", sa.Integer(), nullable=False, server_default="1")
    op.add_column("segments", part)
    op.add_column("segments", sa.Column("end_s", sa.Double()))
    op.create_table(
        "files",
        sa.Column(
            "recording_id",
            sa.String(32),
            sa.ForeignKey("recordings.id", ondelete="CASCADE"),
            primary_key=True,
            nullable=False,
        ),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("offset_s", sa.Double(), nullable=False),
        sa.Column("duration_s", sa.Double()),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("integrity", sa.String(16)),
        sa.Column("problem", sa.Text()),
        sa.Column("sha256", sa.String(64)),
        sa.Column("probe", sa.JSON()),
        sa.Column("made_at", sa.DateTime(), nullable=False),
    )
    op.execute(_FILES)
