"""Brings a database to the newest schema; the only module that needs alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from orchestrator.catalog.migrations.transaction import write_transaction


def config() -> Config:
    """Alembic's configuration, without an alembic.ini."""
    made = Config()
    # Config is a ConfigParser: a percent sign in the path would be read as interpolation.
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return made


def upgrade(path: Path, *, timeout_s: float) -> None:
    """Upgrades to head; finds nothing to do where another process did it meanwhile. Blocking."""
    with write_transaction(path, timeout_s=timeout_s) as connection:
        configuration = config()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")
