"""Brings a database to the newest schema; the only module that needs alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, NullPool, create_engine, event


def config() -> Config:
    """Alembic's configuration, without an alembic.ini."""
    made = Config()
    # Config is a ConfigParser: a percent sign in the path would be read as interpolation.
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return made


def upgrade(path: Path, *, timeout_s: float) -> None:
    """Upgrades to head inside one write transaction. Blocking.

    A second process that upgrades at the same time waits at BEGIN IMMEDIATE and then finds nothing
    left to do; one that is killed half-way leaves the old schema.
    """
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=NullPool,
        connect_args={"timeout": timeout_s, "isolation_level": None},
    )
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.begin() as connection:
        configuration = config()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")
