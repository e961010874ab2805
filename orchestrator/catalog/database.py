"""The catalog's database: opening it, its schema version, its transactions, its errors.

One SQLite file in WAL mode (sqlite.org/wal.html): readers never wait for a writer, and writers wait
for each other. A transaction that reads first and then writes can't wait (SQLITE_BUSY_SNAPSHOT,
sqlite.org/isolation.html), so every transaction that writes begins with ``BEGIN IMMEDIATE``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, event, exc, make_url
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from orchestrator.catalog.migrations import REVISIONS
from orchestrator.catalog.new_database import create
from orchestrator.errors import SettingsError, Unavailable
from orchestrator.file_access import FileAccess, make_file, make_folder

BUSY_TIMEOUT_S: Final = 10.0
"""Longest wait for a transaction of another process; ours take milliseconds."""

_SCHEMES: Final = ("sqlite", "sqlite+aiosqlite")
"""The second one is from settings of earlier versions and means the same."""

_SETTING: Final = "Set ORCHESTRATOR_DATABASE_URL to a writable file."

_DAMAGED: Final = (
    "It is damaged: restore a backup, or move it away with its -wal and -shm files and start with "
    "an empty one. Recorded files are not affected."
)

_ADVICE: Final = {
    "is locked": "Another program keeps it locked: stop that program, then try again.",
    "not a database": _DAMAGED,
    "malformed": _DAMAGED,
}
"""Advice for an error of SQLite, by words in its text (sqlite.org/rescode.html)."""


def database_path(url: str) -> Path:
    """The database file of a ``sqlite:///`` address; SettingsError for any other."""
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError) as error:
        raise SettingsError(f"The database address is invalid: {url!r}.", _form()) from error
    if parsed.drivername not in _SCHEMES:
        raise SettingsError(f"The catalog can't use a {parsed.drivername} database.", _form())
    if not parsed.database or parsed.database == ":memory:" or parsed.query:
        raise SettingsError(
            "The catalog must be a file, because several processes share it.", _form()
        )
    try:
        path = Path(parsed.database).expanduser()
        path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        # A NUL byte, a loop of symbolic links, a name that is too long, an unknown ~user.
        raise SettingsError(f"The catalog can't be at {url!r}: {error}.", _form()) from error
    return path


def _form() -> str:
    return "ORCHESTRATOR_DATABASE_URL has the form sqlite:////folder/catalog.db."


def prepare(path: Path, *, migrate: bool, access: FileAccess = "private") -> None:
    """Makes sure that `path` is a database with this program's schema. Blocking.

    With `migrate` it is created or updated. SettingsError if it can't be opened, is not a database,
    or has another schema.
    """
    try:
        if migrate:
            make_folder(path.parent, access)
            make_file(path, access)  # SQLite creates its other files with the mode of this one
        revision = _revision(path, create=migrate)
    except (OSError, sqlite3.Error) as error:
        message = f"The catalog {path} can't be opened: {error}."
        raise SettingsError(message, _advice(str(error), _SETTING)) from error
    _check(path, revision, migrate)
    if revision != REVISIONS[-1]:
        _update(path, new=revision is None)


def _revision(path: Path, *, create: bool) -> str | None:
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
    with closing(
        sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    ) as connection:
        revision = _schema(path, connection)
        if create:
            _use_wal(connection)
            _try_to_write(connection)
        return revision


def _schema(path: Path, connection: sqlite3.Connection) -> str | None:
    """The revision; None for an empty database. SettingsError for one of another program."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    names = {name for (name,) in tables}
    if "alembic_version" in names:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        if row is not None:
            return str(row[0])
    if names:
        raise SettingsError(
            f"The database {path} is not a catalog: it has the table {min(names)}.",
            "Set ORCHESTRATOR_DATABASE_URL to a file of its own.",
        )
    return None


def _try_to_write(connection: sqlite3.Connection) -> None:
    """Writes and rolls back; for a read-only file, BEGIN IMMEDIATE alone does not fail."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("PRAGMA user_version = 0")
    connection.execute("ROLLBACK")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Sets the journal mode, which the file keeps; SQLite doesn't wait for other processes here."""
    for attempt in Retrying(
        retry=retry_if_exception_type(sqlite3.OperationalError),
        stop=stop_after_delay(BUSY_TIMEOUT_S),
        wait=wait_fixed(0.02),
        reraise=True,
    ):
        with attempt:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode = WAL")


def _check(path: Path, revision: str | None, migrate: bool) -> None:
    if revision is not None and revision not in REVISIONS:
        raise SettingsError(
            f"The catalog {path} has schema {revision}, which is newer than this program.",
            "Use the newer program, or set ORCHESTRATOR_DATABASE_URL to another file.",
        )
    if revision != REVISIONS[-1] and not migrate:
        raise SettingsError(
            f"The catalog {path} has schema {revision or 'none'}, not {REVISIONS[-1]}.",
            "Start `orchestrator serve` of this version once; it updates the catalog.",
        )


def _update(path: Path, *, new: bool) -> None:
    try:
        if not (new and create(path, timeout_s=BUSY_TIMEOUT_S)):
            _upgrade(path)
    except (OSError, exc.DBAPIError) as error:
        cause = str(error.orig) if isinstance(error, exc.DBAPIError) else str(error)
        message = f"The catalog {path} can't be updated: {cause}."
        raise SettingsError(message, _advice(cause, _SETTING)) from error


def _upgrade(path: Path) -> None:
    # Imported here: alembic takes longer to import than the rest of the catalog.
    from orchestrator.catalog.migrations.upgrade import upgrade  # noqa: PLC0415

    upgrade(path, timeout_s=BUSY_TIMEOUT_S)


def _advice(cause: str, otherwise: str) -> str:
    return next((advice for words, advice in _ADVICE.items() if words in cause), otherwise)


def create_engine(path: Path, *, connections: int) -> Engine:
    """An engine whose connections are set up for several processes.

    At most `connections` threads can use one at a time.
    """
    engine = sqlalchemy.create_engine(
        URL.create("sqlite", database=str(path)),
        # isolation_level None: `_begin` begins transactions, not the sqlite3 module.
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
    # NORMAL: a power cut can lose the last transactions, never the database; FULL: not even those
    # (sqlite.org/pragma.html#pragma_synchronous).
    durable = options.get("durable", False)
    if connection.info.get("durable") != durable:
        connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.info["durable"] = durable
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes", False) else "BEGIN")


@contextmanager
def reporting(path: Path) -> Iterator[None]:
    """Turns errors of the database (disk full, locked, unreadable) into Unavailable."""
    try:
        yield
    except exc.IntegrityError:
        raise
    except exc.DBAPIError as error:
        raise unavailable(path, str(error.orig)) from error


def unavailable(path: Path, cause: str) -> Unavailable:
    """The error for a database that can't be read or written now."""
    return Unavailable(
        f"The catalog {path} can't be used now: {cause}.",
        _advice(cause, "Check the free space and the permissions of its folder, then try again."),
    )
