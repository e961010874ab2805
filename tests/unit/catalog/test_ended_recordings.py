"""A large library: what is asked of the catalog reads what it answers, and not everything there is.

Until now no test had more than a handful of rows, and none looked at how SQLite finds them.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from orchestrator.catalog.database import prepare
from orchestrator.catalog.ended_recordings import EndedRecordings
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.video_library import VideoLibrary
from tests.kit.catalog.bulk import fill
from tests.kit.catalog.rows import NOON, recording, url_of

COUNT = 2000


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of so many recordings; the tests here only read it."""
    path = tmp_path_factory.mktemp("library") / "catalog.db"
    prepare(path, migrate=True)
    fill(path, COUNT, path.parent)
    return path


@pytest.fixture
async def library(filled: Path) -> AsyncIterator[Catalog]:
    catalog = Catalog(url_of(filled))
    await catalog.open(migrate=False)
    yield catalog
    await catalog.close()


CALLS: dict[str, Callable[[Catalog], Awaitable[Any]]] = {
    "active": lambda c: c.active(),
    "active of a stream": lambda c: c.active_of("stream-7"),
    "latest of a stream": lambda c: c.latest_of("stream-8"),
    "one": lambda c: c.get("r00007"),
    "history": lambda c: c.history(limit=50, offset=0),
    "history by state": lambda c: c.history(limit=50, offset=0, state="failed"),
    "history of a stream": lambda c: c.history(limit=50, offset=0, stream_id="stream-7"),
    "history by both": lambda c: c.history(limit=9, offset=0, stream_id="stream-7", state="failed"),
    "counts": lambda c: c.counts(),
    "news": lambda c: c.events_after(COUNT - 3, 100),
    "files": lambda c: c.files("r00007"),
    "files without sum": lambda c: c.files_without_checksum(100),
    "segments": lambda c: c.segments("r00007"),
    "events": lambda c: c.events("r00007"),
    "samples": lambda c: c.samples("r00007", 100),
    "videos": lambda c: VideoLibrary(c).videos(limit=50),
    "a video": lambda c: VideoLibrary(c).get(str(c.path.parent / "r00007.mp4")),
    "unswept": lambda c: EndedRecordings(c).needing_cleanup(),
}


IN_ORDER = ("history", "videos", "unswept", "files without sum")
"""Read along an index that is theirs alone, or in the order of the answer."""

FEW = ("active", "active of a stream", "a video")
"""Sorted after they are found: as many as run, or as had one name."""


async def plans(catalog: Catalog, call: Callable[[Catalog], Awaitable[Any]]) -> list[str]:
    """How SQLite says that it finds what one call reads."""
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    engine = catalog.transactions.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        await call(catalog)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert asked
    with engine.connect() as connection:
        return [
            str(row[3])
            for statement, parameters in asked
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]


@pytest.mark.parametrize("name", CALLS)
async def test_no_call_reads_all_rows_or_sorts_them(library: Catalog, name: str) -> None:
    for step in await plans(library, CALLS[name]):
        # In an index's order only as far as the answer goes, or counting an index's entries.
        in_order = "USING INDEX" in step and name in IN_ORDER
        counted = "USING COVERING INDEX" in step
        assert step.startswith("SEARCH") or in_order or counted or "SCAN" not in step, step
        assert "TEMP B-TREE" not in step or name in FEW, step


async def test_what_is_asked_of_a_stream_is_found_by_the_stream(library: Catalog) -> None:
    for step in await plans(library, CALLS["history by both"]):
        assert "recordings_of_stream" in step, "by state it would read nearly all"


async def test_pages_by_key_give_each_recording_once(library: Catalog) -> None:
    ended_recordings, found = EndedRecordings(library), list[str]()
    last = None
    while page := await ended_recordings.ended("completed", last, limit=130):
        found += [row.id for row in page]
        last = page[-1]
    assert found == [f"r{n:05d}" for n in reversed(range(COUNT)) if n % 10 != 9]
    steps = await plans(library, lambda c: ended_recordings.ended("completed", last))
    assert all(re.match("SEARCH recordings USING INDEX recordings_by_state", s) for s in steps)


async def test_pages_by_key_where_many_began_at_once(catalog: Catalog) -> None:
    for number in range(7):
        await catalog.create(recording(f"r{number}", f"m{number}", state="failed"))
    ended_recordings, found, last = EndedRecordings(catalog), list[str](), None
    while page := await ended_recordings.ended("failed", last, limit=3):
        found += [row.id for row in page]
        last = page[-1]
    assert found == [f"r{number}" for number in reversed(range(7))]


async def test_a_name_that_was_given_again(catalog: Catalog) -> None:
    same = {"work_directory": "/out/.Y.mp4.haven", "state": "completed"}
    rows = [recording(f"r{n}", created_at=NOON + timedelta(hours=n), **same) for n in range(2)]
    for row in rows:
        await catalog.create(row)
    assert [await EndedRecordings(catalog).is_replaced(row) for row in rows] == [True, False]
