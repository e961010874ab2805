"""What recordings reserve of the machine, at which speed step; what encoding costs here."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds what is new; recordings of before reserve nothing and have the preset's own step."""
    op.add_column("recordings", sa.Column("speed_step", sa.Integer()))
    pinned: sa.Column[bool] = sa.Column(
        "speed_pinned", sa.Boolean(), nullable=False, server_default="0"
    )
    op.add_column("recordings", pinned)
    op.add_column("recordings", sa.Column("reserved_cores", sa.Double()))
    op.add_column("segments", sa.Column("speed_step", sa.Integer()))
    op.create_table(
        "costs",
        sa.Column("machine", sa.String(256), primary_key=True, nullable=False),
        sa.Column("pipeline", sa.String(64), primary_key=True, nullable=False),
        sa.Column("step", sa.String(64), primary_key=True, nullable=False),
        sa.Column("cpu_s_per_megapixel", sa.Double(), nullable=False),
        sa.Column("measured_at", sa.DateTime(), nullable=False),
    )
