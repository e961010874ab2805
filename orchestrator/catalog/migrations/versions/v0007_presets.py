"""Costs belong to a preset as it was when they were measured."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Adds the preset's digest; costs of before belong to none, and are measured anew."""
    digest: sa.Column[str] = sa.Column("preset", sa.String(16), nullable=False, server_default="")
    op.add_column("costs", digest)
