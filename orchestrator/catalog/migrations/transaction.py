"""The one transaction in which a schema is made or changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, NullPool, create_engine, event


@contextmanager
def write_transaction(path: Path, *, timeout_s: float) -> Iterator[Connection]:
    """One that has the right to write from its beginning. Blocking.

    A second process that wants one at the same time waits at BEGIN IMMEDIATE; one that is killed
    half-way leaves what was there before.
    """
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=NullPool,
        connect_args={"timeout": timeout_s, "isolation_level": None},
    )
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.begin() as connection:
        yield connection
