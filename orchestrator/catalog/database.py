"""The catalog's database: opening it, its schema version, its transactions, its errors.

One SQLite file in WAL mode (sqlite.org/wal.html): readers never wait for a writer, and of several
processes that write, one waits for the other. A transaction that begins by reading and then writes
can't wait (SQLITE_BUSY_SNAPSHOT, sqlite.org/isolation.html), so whatever will write begins with
``BEGIN IMMEDIATE``.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, event, exc, make_url

from orchestrator.catalog.migrations import REVISIONS
from orchestrator.errors import SettingsError, Unavailable

BUSY_TIMEOUT_S: Final = 10.0
"""Longest wait for another process's transaction; ours take milliseconds."""

_SCHEMES: Final = ("sqlite", "sqlite+aiosqlite")
"""The second one stands in settings of earlier versions and means the same."""

_SETTING: Final = "Set ORCHESTRATOR_DATABASE_URL to a file that can be written to."


def database_path(url: str) -> Path:
    """The database file of a ``sqlite:///`` address; SettingsError for any other."""
    try:
        parsed = make_url(url)
    except exc.ArgumentError as error:
        raise SettingsError(f"The database address can't be read: {url!r}.", _form()) from error
    if parsed.drivername not in _SCHEMES:
        raise SettingsError(f"The catalog can't use a {parsed.drivername} database.", _form())
    if not parsed.database or parsed.database == ":memory:" or parsed.query:
        raise SettingsError("The catalog has to be a file: several processes share it.", _form())
    return Path(parsed.database).expanduser()


def _form() -> str:
    return "ORCHESTRATOR_DATABASE_URL has the form sqlite:////folder/catalog.db."


def prepare(path: Path, *, migrate: bool) -> None:
    """Makes sure of a database of this program's schema at `path`. Blocking.

    With `migrate` it is created or brought up to date. SettingsError if it can't be opened, is no
    database, or has another schema.
    """
    try:
        if migrate:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        revision = _revision(path, create=migrate)
    except (OSError, sqlite3.Error) as error:
        raise SettingsError(f"The catalog {path} can't be opened: {error}.", _SETTING) from error
    _check(path, revision, migrate)
    if revision != REVISIONS[-1]:
        _upgrade(path)


def _revision(path: Path, *, create: bool) -> str | None:
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S)) as connection:
        if create:
            _use_wal(connection)
        tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")
        if tables.fetchone() is None:
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if row is None else str(row[0])


def _use_wal(connection: sqlite3.Connection) -> None:
    """Sets the journal mode, which stays in the file; SQLite doesn't wait for others here."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _check(path: Path, revision: str | None, migrate: bool) -> None:
    if revision is not None and revision not in REVISIONS:
        raise SettingsError(
            f"The catalog {path} has schema {revision}, which is newer than this program knows.",
            "Use the newer program, or set ORCHESTRATOR_DATABASE_URL to another file.",
        )
    if revision != REVISIONS[-1] and not migrate:
        raise SettingsError(
            f"The catalog {path} has schema {revision or 'none'}, not {REVISIONS[-1]}.",
            "Start `orchestrator serve` of this version once; it brings the catalog up to date.",
        )


def _upgrade(path: Path) -> None:
    # Imported only here: alembic costs more time than everything else of the catalog.
    from orchestrator.catalog.migrations.upgrade import upgrade  # noqa: PLC0415

    try:
        upgrade(path, timeout_s=BUSY_TIMEOUT_S)
    except (OSError, exc.DBAPIError) as error:
        raise SettingsError(f"The catalog {path} can't be updated: {error}.", _SETTING) from error


def create_engine(path: Path, *, connections: int) -> Engine:
    """An engine whose connections are set up for several processes at once.

    Each of at most `connections` threads can have one at a time.
    """
    engine = sqlalchemy.create_engine(
        URL.create("sqlite", database=str(path)),
        # isolation_level None: sqlite3 begins no transactions of its own, `_begin` does.
        connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None},
        pool_size=connections,
        max_overflow=0,
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    # NORMAL: a power cut may cost the last transactions, never the database; FULL: not even those
    # (sqlite.org/pragma.html#pragma_synchronous).
    durable = options.get("durable", False)
    connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes", False) else "BEGIN")


@contextmanager
def reporting(path: Path) -> Iterator[None]:
    """Turns what the database can suffer (disk full, locked, unreadable) into Unavailable."""
    try:
        yield
    except exc.IntegrityError:
        raise
    except exc.DBAPIError as error:
        raise unavailable(path, str(error.orig)) from error


def unavailable(path: Path, cause: str) -> Unavailable:
    """The error that says why nothing can be read or written now."""
    return Unavailable(
        f"The catalog {path} can't be used now: {cause}.",
        "Check the free space and the permissions of its folder, then try again.",
    )
