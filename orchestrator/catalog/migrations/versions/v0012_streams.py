"""Streams that are added at run time, and the keys of encrypted ones."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Adds both; none of before had either."""
    op.add_column("recordings", sa.Column("e2ee", sa.Text()))
    op.create_table(
        "streams",
        sa.Column("id", sa.String(256), primary_key=True, nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
    )
