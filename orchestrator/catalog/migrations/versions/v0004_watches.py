"""Streams that are waited for; who asked for a recording; files as the desktop app's library."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds what is new. Recordings of before were asked for by users, files are listed."""
    by_whom = sa.Column("started_by", sa.String(16), nullable=False, server_default="user")
    op.add_column("recordings", by_whom)
    listed: sa.Column[bool] = sa.Column("listed", sa.Boolean(), nullable=False, server_default="1")
    op.add_column("files", listed)
    position = sa.Column("position", sa.Integer(), nullable=False, server_default="0")
    op.add_column("files", position)
    remembered = sa.Column("remembered", sa.JSON(), nullable=False, server_default="{}")
    op.add_column("files", remembered)
    op.create_table(
        "watches",
        sa.Column("mint_id", sa.String(256), primary_key=True, nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("recording_id", sa.String(32)),
    )
