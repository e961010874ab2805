"""First schema: recordings with their segments, events and samples, and the preferences."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_IS_ACTIVE = sa.text("state IN ('starting', 'recording', 'reconnecting', 'stopping')")


def upgrade() -> None:
    """Creates the tables."""
    _recordings()
    _segments()
    _events()
    _samples()
    op.create_table(
        "preferences",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )


def _recordings() -> None:
    op.create_table(
        "recordings",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("mint_id", sa.String(256), nullable=False),
        sa.Column("stream", sa.JSON(), nullable=False),
        sa.Column("output_format", sa.String(16), nullable=False),
        sa.Column("pipeline", sa.String(64), nullable=False),
        sa.Column("video_quality", sa.String(16), nullable=False),
        sa.Column("audio_quality", sa.String(16), nullable=False),
        sa.Column("video_codec", sa.String(32), nullable=False),
        sa.Column("audio_codec", sa.String(32), nullable=False),
        sa.Column("output_path", sa.Text(), nullable=False),
        sa.Column("work_directory", sa.Text(), nullable=False),
        sa.Column("wanted", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        *_recording_ends(),
        *_recording_figures(),
    )
    op.create_index(
        "one_active_recording_per_stream",
        "recordings",
        ["mint_id"],
        unique=True,
        sqlite_where=_IS_ACTIVE,
    )
    op.create_index("recordings_newest_first", "recordings", ["created_at", "id"])


def _recording_ends() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime()),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("reason", sa.Text()),
        sa.Column("error_code", sa.String(32)),
        sa.Column("error", sa.Text()),
        sa.Column("detail", sa.Text()),
    )


def _recording_figures() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("worker_pid", sa.Integer()),
        sa.Column("worker_created", sa.Double()),
        sa.Column("worker_starts", sa.Integer(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("figures_at", sa.DateTime()),
        sa.Column("duration_s", sa.Double()),
        sa.Column("size_bytes", sa.Integer()),
        sa.Column("probe", sa.JSON()),
    )


def _of_recording(*, primary_key: bool = False) -> sa.Column[object]:
    key = sa.ForeignKey("recordings.id", ondelete="CASCADE")
    return sa.Column("recording_id", sa.String(32), key, primary_key=primary_key, nullable=False)


def _segments() -> None:
    op.create_table(
        "segments",
        _of_recording(primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("offset_s", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("outcome", sa.String(16)),
        sa.Column("returncode", sa.Integer()),
        sa.Column("video_frames", sa.Integer(), nullable=False),
        sa.Column("audio_samples", sa.Integer(), nullable=False),
        sa.Column("stderr_tail", sa.Text()),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        _of_recording(),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
    )
    op.create_index("events_of_recording", "events", ["recording_id", "id"])


def _samples() -> None:
    op.create_table(
        "samples",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        _of_recording(),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("cpu_cores", sa.Double()),
        sa.Column("cpu_seconds", sa.Double(), nullable=False),
        sa.Column("rss_bytes", sa.Integer(), nullable=False),
    )
    op.create_index("samples_of_recording", "samples", ["recording_id", "id"])
