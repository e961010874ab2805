"""Lines of a worker on their way to the disk: bounded, complete, and never in the way."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.recordings.room_data.raw_lines import lines_of, raw_path
from orchestrator.worker.room_data import line_writer
from orchestrator.worker.room_data.line_writer import LineWriter


class Written:
    """A writer with its file, the zero of its recording, and its notes."""

    def __init__(self, work: Path, worker: int = 1, **limits: int) -> None:
        self.origin_ns: int | None = None
        self.notes: list[str] = []
        self.path = raw_path(work, worker)
        self.writer = LineWriter(self.path, lambda: self.origin_ns, self.note, **limits)

    def note(self, kind: str, message: str, **data: Any) -> None:
        assert kind == "data"
        self.notes.append(message)

    def put(self, number: int, **more: Any) -> None:
        self.writer.put({"ns": number, "wall_ms": 0, "type": "chat", **more})

    @property
    def lines(self) -> list[dict[str, Any]]:
        return list(lines_of(self.path))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.writer.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_lines_are_on_the_disk_soon_and_zero_with_them(tmp_path: Path) -> None:
    written = Written(tmp_path)
    async with written.running():
        written.put(1)
        await until(lambda: written.path.exists() and len(written.lines) == 2)
        written.origin_ns = 7
        written.put(2)
        await until(lambda: len(written.lines) == 4)
    boot, first, origin, second = written.lines
    assert set(boot) == {"boot"}
    assert (first["ns"], origin, second["ns"]) == (1, {"origin_ns": 7}, 2)


async def test_zero_that_moves_is_written_without_a_line(tmp_path: Path) -> None:
    written = Written(tmp_path)
    async with written.running():
        written.put(1)
        await until(written.path.exists)
        written.origin_ns = 9
        await until(lambda: written.lines[-1] == {"origin_ns": 9})


async def test_a_recording_keeps_so_much_and_says_so(tmp_path: Path) -> None:
    before = Written(tmp_path, 1)
    for number in range(3):
        before.put(number)
    await before.writer.flush()
    written = Written(tmp_path, 2, most_lines=10)
    for number in range(20):
        written.put(number)
    await written.writer.flush()
    assert [each["type"] for each in written.lines[1:]] == ["chat"] * 5 + ["cut"]
    assert len(written.notes) == 1
    assert "is cut" in written.notes[0]
    size = written.path.stat().st_size
    written.put(99)
    await written.writer.flush()
    assert written.path.stat().st_size == size


async def test_what_earlier_workers_wrote_is_counted_block_by_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_writer, "BLOCK_BYTES", 7)
    before = Written(tmp_path, 1)
    for number in range(5):
        before.put(number)
    await before.writer.flush()
    written = Written(tmp_path, 2)
    written.writer._begin()
    assert written.writer._lines == 6
    assert written.writer._bytes == before.path.stat().st_size


async def test_bytes_are_bounded_too(tmp_path: Path) -> None:
    written = Written(tmp_path, most_bytes=2000)
    for number in range(10):
        written.put(number, text="x" * 500)
    await written.writer.flush()
    assert written.lines[-1]["type"] == "cut"
    assert written.path.stat().st_size < 2100


async def test_lines_that_come_too_fast_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_writer, "MOST_WAITING", 5)
    written = Written(tmp_path)
    for number in range(8):
        written.put(number)
    await written.writer.flush()
    assert written.lines[-1]["type"] == "left_out"
    assert written.lines[-1]["count"] == 3


async def test_a_disk_that_fails_is_said_once_and_what_is_lost_is_counted(tmp_path: Path) -> None:
    written = Written(tmp_path)
    written.path.parent.mkdir()
    written.path.mkdir()  # in the place of the file
    for number in range(2):
        written.put(number)
        await written.writer.flush()
    assert len(written.notes) == 1
    written.path.rmdir()
    written.put(5)
    await written.writer.flush()
    kept = [each for each in written.lines if "type" in each]
    assert [(each["type"], each.get("count")) for each in kept] == [("chat", None), ("left_out", 2)]


async def test_the_files_mode_is_private(tmp_path: Path) -> None:
    os.umask(0o022)
    written = Written(tmp_path)
    written.put(1)
    await written.writer.flush()
    assert json.dumps(oct(written.path.parent.stat().st_mode & 0o777)) == '"0o700"'
