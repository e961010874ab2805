"""Recordings that copy frames as they come: which tracks, and what was asked for instead."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Adds both; none of before copied."""
    op.add_column("recordings", sa.Column("tracks", sa.String(16)))
    op.add_column("recordings", sa.Column("instead_of", sa.String(64)))
