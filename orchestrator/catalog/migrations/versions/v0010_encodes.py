"""Finished recordings that are encoded again, in a queue."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Adds the queue, and what recordings say of it; none of before was to be encoded again."""
    op.add_column("recordings", sa.Column("encode", sa.JSON()))
    op.add_column("recordings", sa.Column("encode_id", sa.String(32)))
    op.create_index(
        "recordings_to_encode",
        "recordings",
        ["created_at"],
        sqlite_where=sa.text("encode IS NOT NULL AND encode_id IS NULL AND state = 'completed'"),
    )
    op.create_table(
        "encodes",
        sa.Column("id", sa.String(32), primary_key=True, nullable=False),
        sa.Column(
            "recording_id",
            sa.String(32),
            sa.ForeignKey("recordings.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("wanted", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime()),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("progress", sa.JSON()),
        sa.Column("progress_at", sa.DateTime()),
        sa.Column("outputs", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("error_code", sa.String(32)),
        sa.Column("error", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("worker_pid", sa.Integer()),
        sa.Column("worker_created", sa.Double()),
        sa.Column("worker_boot", sa.String(64)),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("deaths", sa.Integer(), nullable=False),
    )
    active = sa.text("state IN ('queued', 'running', 'paused')")
    op.create_index(
        "one_active_encode_per_recording",
        "encodes",
        ["recording_id"],
        unique=True,
        sqlite_where=active,
    )
    op.create_index("encodes_newest_first", "encodes", ["created_at", "id"])
    op.create_index("encodes_by_state", "encodes", ["state", "created_at", "id"])
    op.create_index("encodes_of_recording", "encodes", ["recording_id", "created_at"])
