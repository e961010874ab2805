"""Which recordings were finished after a crash; on which run of the machine a worker lives."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds two columns."""
    recovered: sa.Column[bool] = sa.Column(
        "recovered", sa.Boolean(), nullable=False, server_default="0"
    )
    op.add_column("recordings", recovered)
    op.add_column("recordings", sa.Column("worker_boot", sa.String(64)))
