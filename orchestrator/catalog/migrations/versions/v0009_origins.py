"""Where a recording's zero lies on the machine's monotonic clock: the wall clock may be set."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Adds it; of recordings of before nobody knows."""
    op.add_column("recordings", sa.Column("origin_ns", sa.BigInteger()))
    op.add_column("recordings", sa.Column("origin_boot", sa.String(64)))
