"""A library of many finished recordings, put into a catalog at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from orchestrator.catalog.models import File
from orchestrator.catalog.webhooks.announcements import END
from tests.kit.catalog.rows import NOON, recording

STREAMS: Final = 500
"""Each of them was recorded so many times less."""


def fill(path: Path, count: int, folder: Path) -> None:
    """Adds so many recordings to a catalog that is open nowhere else; one in ten has failed."""
    with closing(sqlite3.connect(path)) as connection, connection:
        _insert(connection, "recordings", _recordings(count, folder))
        _insert(connection, "files", _files(count, folder))
        _insert(connection, "events", _events(count))


def _recordings(count: int, folder: Path) -> Iterator[dict[str, Any]]:
    for number in range(count):
        name, at = f"r{number:05d}", NOON + timedelta(minutes=number)
        row = recording(
            name,
            stream_id=f"stream-{number % STREAMS}",
            state="failed" if number % 10 == 9 else "completed",
            created_at=at,
            started_at=at,
            ended_at=at + timedelta(seconds=50),
            output_path=str(folder / f"{name}.mp4"),
            work_directory=str(folder / f".{name}.mp4.haven"),
            duration_s=50.0,
            size_bytes=12_000_000,
            announced=END,
            announced_event=number + 1,
            figures={"video": {"width": 1280, "height": 720, "received": 1500}, "warnings": []},
        )
        yield _values(row)


def _files(count: int, folder: Path) -> Iterator[dict[str, Any]]:
    for number in range(count):
        if number % 10 == 9:
            continue
        yield _values(
            File(
                recording_id=f"r{number:05d}",
                number=1,
                path=str(folder / f"r{number:05d}.mp4"),
                offset_s=0.0,
                duration_s=50.0,
                size_bytes=12_000_000,
                integrity="whole",
                sha256="0" * 64,
                made_at=NOON + timedelta(minutes=number),
            )
        )


def _events(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        same = {"at": "2026-01-02 12:00:00.000000", "kind": "state", "data": "{}"}
        yield {"recording_id": f"r{number:05d}", "message": "starting -> recording", **same}


def _values(row: Any) -> dict[str, Any]:
    """The columns that are given, as SQLite keeps them."""
    dialect = sqlite_dialect()
    found: dict[str, Any] = {}
    for column in row.__table__.columns:
        value = getattr(row, row.__mapper__.get_property_by_column(column).key)
        if value is None and column.default is not None:
            default = column.default.arg
            value = {} if callable(default) else default
        processor = column.type.dialect_impl(dialect).bind_processor(dialect)
        found[column.key] = processor(value) if processor and value is not None else value
    return found


def sqlite_dialect() -> Any:
    from sqlalchemy.dialects import sqlite

    return sqlite.dialect()


def _insert(connection: sqlite3.Connection, table: str, rows: Iterator[dict[str, Any]]) -> None:
    first = next(rows)
    names, marks = ", ".join(first), ", ".join(f":{name}" for name in first)
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", first)
    connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)
