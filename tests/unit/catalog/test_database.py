"""Opening the database: what is made, and what is said when it can't be used."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine, event

from orchestrator.catalog import database
from orchestrator.catalog.migrations import REVISIONS
from orchestrator.catalog.migrations.upgrade import config, upgrade
from orchestrator.catalog.models import Base
from orchestrator.catalog.new_database import create
from orchestrator.catalog.store import Catalog
from orchestrator.errors import SettingsError, Unavailable
from tests.kit.catalog.rows import NOON, recording, url_of


async def opened(path: Path, *, migrate: bool = True) -> None:
    catalog = Catalog(url_of(path))
    await catalog.open(migrate=migrate)
    await catalog.close()


async def test_makes_a_private_folder_and_a_wal_database(tmp_path: Path) -> None:
    path = tmp_path / "a 100% b" / "c" / "catalog.db"
    await opened(path)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_the_migrated_schema_equals_the_models(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    upgrade(path, timeout_s=1)
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def described(path: Path) -> dict[str, Any]:
    """Its tables, whatever the order of their columns, and what else it holds."""
    with closing(sqlite3.connect(path)) as connection:
        objects = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
        found: dict[str, Any] = {name: sql and sql.split() for _, name, sql in objects}
        for kind, name, sql in objects:
            if kind == "table":
                columns = connection.execute(f"PRAGMA table_info({name})").fetchall()
                keys = connection.execute(f"PRAGMA foreign_key_list({name})").fetchall()
                found[name] = (sorted(c[1:] for c in columns), keys, "AUTOINCREMENT" in sql)
        found["revision"] = connection.execute("SELECT * FROM alembic_version").fetchall()
    return found


async def test_a_new_database_is_one_that_was_migrated(tmp_path: Path) -> None:
    upgrade(tmp_path / "migrated.db", timeout_s=1)
    await opened(tmp_path / "new.db")
    new = described(tmp_path / "new.db")
    assert new == described(tmp_path / "migrated.db")
    assert new["revision"] == [(REVISIONS[-1],)]


def test_a_database_that_another_process_made_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    assert create(path, timeout_s=1)
    assert not create(path, timeout_s=1)


async def test_the_active_index_is_partial(tmp_path: Path) -> None:
    # compare_metadata doesn't look at an index's condition.
    path = tmp_path / "catalog.db"
    await opened(path)
    with closing(sqlite3.connect(path)) as connection:
        (sql,) = connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'one_active_recording_per_stream'"
        ).fetchone()
    active = "'starting', 'recording', 'reconnecting', 'paused', 'stopping'"
    assert sql.endswith(f"WHERE state IN ({active})")


def test_the_known_revisions_are_the_scripts() -> None:
    scripts = ScriptDirectory.from_config(config()).walk_revisions()
    assert tuple(script.revision for script in scripts)[::-1] == REVISIONS


async def test_connections_are_set_up(tmp_path: Path) -> None:
    await opened(tmp_path / "catalog.db")
    engine = database.create_engine(tmp_path / "catalog.db", connections=1)
    with engine.connect() as connection:
        for pragma, value in (("foreign_keys", 1), ("synchronous", 1), ("busy_timeout", 10_000)):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
    engine.dispose()


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+aiosqlite"])
def test_addresses_of_this_and_of_earlier_versions(scheme: str, tmp_path: Path) -> None:
    assert Catalog(f"{scheme}:///{tmp_path}/catalog.db").path == tmp_path / "catalog.db"


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/db", "sqlite://", "sqlite:///:memory:"])
def test_addresses_that_are_no_database_file(url: str) -> None:
    with pytest.raises(SettingsError, match="ORCHESTRATOR_DATABASE_URL"):
        Catalog(url)


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.write_bytes(b"not a database, but long enough to be looked at as one" * 100)
    with pytest.raises(SettingsError, match=r"catalog\.db can't be opened: file is not a database"):
        await opened(path)


async def test_a_folder_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="can't be opened"):
        await opened(tmp_path / "file" / "catalog.db")


async def test_a_database_that_can_not_be_written(tmp_path: Path) -> None:
    # A folder in the file's place: what root can't open either.
    (tmp_path / "catalog.db").mkdir()
    with pytest.raises(SettingsError, match="unable to open database file"):
        await opened(tmp_path / "catalog.db")


async def test_a_database_of_the_first_version_opens(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    first_version(path)
    catalog = Catalog(url_of(path))
    await catalog.open(migrate=True)
    done, running = await catalog.get("done"), await catalog.get("running")
    assert (done.stream_id, done.state, done.size_bytes, done.limits) == ("a", "completed", 7, {})
    assert running.created_at == NOON
    (file,) = await catalog.files("done")
    assert (file.number, file.path, file.size_bytes, file.duration_s) == (1, "/out/x", 7, 1.5)
    assert (file.integrity, file.sha256) == (None, None), "nobody checked it"
    assert await catalog.files_without_checksum(9) == []
    assert await catalog.files("running") == []
    (segment,) = await catalog.segments("done")
    assert (segment.part, segment.end_s, segment.offset_s) == (1, None, 2.5)
    (event,) = await catalog.events("done")
    assert (event.id, event.message, event.at) == (41, "In.", NOON)
    await catalog.add_event("done", "kind", "one more")
    assert [line.id for line in (await catalog.events_after(41, 9))[0]] == [42]
    await catalog.close()


def first_version(path: Path) -> None:
    """As version 0001 left it: one recording that is done, one that runs."""
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.begin() as connection:
        configuration = config()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "0001")
    engine.dispose()
    same = "'{}', 'mp4', 'mp4', 'high', 'high', 'libx264', 'aac', '/out/x', '/out/.x'"
    with closing(sqlite3.connect(path)) as old, old:
        for id, state, ended in (
            ("done", "completed", "1.5, 7"),
            ("running", "recording", "NULL, NULL"),
        ):
            old.execute(
                "INSERT INTO recordings (id, mint_id, stream, output_format, pipeline,"
                " video_quality, audio_quality, video_codec, audio_codec, output_path,"
                " work_directory, wanted, state, created_at, worker_starts, figures, duration_s,"
                f" size_bytes) VALUES ('{id}', '{'a' if id == 'done' else 'b'}', {same}, 'record',"
                f" '{state}', '2026-01-02 12:00:00.000000', 1, '{{}}', {ended})"
            )
        old.execute(
            "INSERT INTO segments (recording_id, number, path, started_at, offset_s, video_frames,"
            " audio_samples) VALUES ('done', 1, '/x', '2026-01-02 12:00:00.000000', 2.5, 3, 4)"
        )
        old.execute(
            "INSERT INTO events (id, recording_id, at, kind, message, data)"
            " VALUES (41, 'done', '2026-01-02 12:00:00.000000', 'joined', 'In.', '{}')"
        )


async def test_a_newer_schema_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    await opened(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError, match="schema 9999, which is newer"):
        await opened(path)


async def test_a_worker_does_not_create_it(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with pytest.raises(SettingsError, match="can't be opened"):
        await opened(path, migrate=False)
    assert not path.exists()
    path.touch()
    with pytest.raises(SettingsError, match=f"has schema none, not {REVISIONS[-1]}"):
        await opened(path, migrate=False)


async def test_a_full_database_is_unavailable(tmp_path: Path) -> None:
    catalog = Catalog(url_of(tmp_path / "catalog.db"))
    await catalog.open(migrate=True)
    assert catalog._transactions is not None
    event.listen(catalog._transactions.engine, "connect", no_room)
    with pytest.raises(Unavailable, match="database or disk is full"):
        await catalog.create(recording("a", detail="x" * 100_000))
    await catalog.close()


def no_room(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA max_page_count = 1")
    cursor.close()


async def test_a_locked_database_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    path = tmp_path / "catalog.db"
    catalog = Catalog(url_of(path))
    await catalog.open(migrate=True)
    await catalog.create(recording("a"))
    with closing(sqlite3.connect(path, isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match=r"catalog\.db can't be used now: database is locked"):
            await catalog.update("a", state="recording")
        assert (await catalog.get("a")).state == "starting"
    await catalog.update("a", state="recording")
    assert (await catalog.get("a")).state == "recording"
    await catalog.close()
