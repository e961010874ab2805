"""Outputs, sidecar files, pauses and web hooks."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def _of_recording(*, key: bool = False) -> sa.Column[str]:
    of = sa.ForeignKey("recordings.id", ondelete="CASCADE")
    return sa.Column("recording_id", sa.String(32), of, nullable=False, primary_key=key)


def upgrade() -> None:
    """Adds all of it; none of before had any."""
    for column in (
        sa.Column("outputs_cores", sa.Double(), nullable=False, server_default="0"),
        sa.Column("pause", sa.String(16)),
        sa.Column("paused_since", sa.DateTime()),
        sa.Column("webhooks", sa.Text()),
        sa.Column("announced", sa.Integer()),
        sa.Column("announced_event", sa.Integer()),
        sa.Column("data", sa.Boolean()),
        sa.Column("hide_recording", sa.Boolean()),
    ):
        op.add_column("recordings", column)
    replaced = sa.Column("replaced", sa.Integer(), nullable=False, server_default="0")
    op.add_column("files", replaced)
    op.drop_index("one_active_recording_per_stream", "recordings")
    active = "state IN ('starting', 'recording', 'reconnecting', 'paused', 'stopping')"
    op.create_index(
        "one_active_recording_per_stream",
        "recordings",
        ["mint_id"],
        unique=True,
        sqlite_where=sa.text(active),
    )
    op.create_table(
        "outputs",
        sa.Column("id", sa.String(32), primary_key=True, nullable=False),
        _of_recording(),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("shown", sa.JSON(), nullable=False),
        sa.Column("trusted", sa.Boolean(), nullable=False, server_default="0"),
        sa.Column("wanted", sa.String(16), nullable=False, server_default="run"),
        sa.Column("state", sa.String(16), nullable=False, server_default="waiting"),
        sa.Column("figures", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("error_code", sa.String(32)),
        sa.Column("error", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime()),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("next_try_at", sa.DateTime()),
    )
    op.create_index("outputs_of_recording", "outputs", ["recording_id", "number"])
    op.create_index(
        "open_outputs",
        "outputs",
        ["kind", "created_at"],
        sqlite_where=sa.text("state NOT IN ('complete', 'failed', 'removed')"),
    )
    op.create_table(
        "uploaded_files",
        sa.Column(
            "output_id",
            sa.String(32),
            sa.ForeignKey("outputs.id", ondelete="CASCADE"),
            primary_key=True,
            nullable=False,
        ),
        sa.Column("name", sa.String(255), primary_key=True, nullable=False),
        sa.Column("part", sa.Integer()),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fallback", sa.Boolean(), nullable=False, server_default="0"),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("content_type", sa.String(128), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger()),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("open_id", sa.Text()),
        sa.Column("verified", sa.String(16)),
        sa.Column("uploaded_at", sa.DateTime()),
        sa.Column("removed_at", sa.DateTime()),
    )
    op.create_table(
        "uploaded_pieces",
        sa.Column(
            "output_id",
            sa.String(32),
            sa.ForeignKey("outputs.id", ondelete="CASCADE"),
            primary_key=True,
            nullable=False,
        ),
        sa.Column("name", sa.String(64), primary_key=True, nullable=False),
        sa.Column("fallback", sa.Boolean(), nullable=False, server_default="0"),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("verified", sa.String(16), nullable=False),
    )
    op.create_table(
        "sidecar_files",
        _of_recording(key=True),
        sa.Column("name", sa.String(512), primary_key=True, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64)),
        sa.Column("at_s", sa.Double()),
        sa.Column("made_at", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "pauses",
        _of_recording(key=True),
        sa.Column("number", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("began_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("at_s", sa.Double(), nullable=False),
        sa.Column("length_s", sa.Double()),
    )
    op.create_table(
        "hls_runs",
        _of_recording(key=True),
        sa.Column("segment", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("init", sa.LargeBinary(), nullable=False),
        sa.Column("pieces", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Integer(), primary_key=True, nullable=False, autoincrement=True),
        sa.Column("recording_id", sa.String(32), nullable=False),
        sa.Column("receiver", sa.String(64), nullable=False),
        sa.Column("webhook", sa.Text(), nullable=False),
        sa.Column("shown_url", sa.Text(), nullable=False),
        sa.Column("trusted", sa.Boolean(), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("event", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False, server_default="waiting"),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("status", sa.Integer()),
        sa.Column("error", sa.Text()),
        sqlite_autoincrement=True,
    )
    in_order = ["state", "next_try_at", "id"]
    op.create_index("deliveries_in_order", "webhook_deliveries", in_order)
    of_recording = ["recording_id", "receiver", "id"]
    op.create_index("deliveries_of_recording", "webhook_deliveries", of_recording)
    op.create_index(
        "recordings_to_announce",
        "recordings",
        ["created_at"],
        sqlite_where=sa.text("announced < 2"),
    )
    op.execute(  # what was before isn't looked through
        "INSERT INTO preferences SELECT 'webhooks_seen', max(id) FROM events HAVING count(*) > 0"
    )
