"""stderr: the last lines in memory, a bounded log on disk."""

from __future__ import annotations

import asyncio
from pathlib import Path

from orchestrator.process_stderr import LineRing, LogFile


def test_the_last_lines_cut_to_length() -> None:
    ring = LineRing(lines=3, line_bytes=10)
    ring.feed(b"one\ntwo\nth")
    ring.feed(b"ree\rfour" + b"!" * 100 + b"\nopen")
    assert ring.tail() == ["three", "four!!!!!!", "open"]


def test_a_line_without_an_end_does_not_grow() -> None:
    ring = LineRing(lines=3, line_bytes=10)
    for _ in range(1000):
        ring.feed(b"x" * 1000)
    assert ring.tail() == ["x" * 10]


async def write(log: LogFile, *pieces: bytes) -> None:
    writing = asyncio.create_task(log.run())
    for piece in pieces:
        log.put(piece)
        await asyncio.sleep(0)
    log.end()
    await asyncio.wait_for(writing, 5)


async def test_a_full_log_begins_anew_and_keeps_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "log"
    await write(LogFile(path, limit_bytes=1000), b"a" * 1200)
    await write(LogFile(path, limit_bytes=1000), b"b" * 300)
    assert path.read_bytes() == b"b" * 300
    assert (tmp_path / "log.1").read_bytes() == b"a" * 1200


async def test_more_than_the_bound_is_left_out_and_counted(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log")
    await write(log, b"x" * 300_000)
    assert (tmp_path / "log").stat().st_size + log.left_out_bytes == 300_000
    assert log.left_out_bytes == 300_000 - 2**18


async def test_a_disk_that_refuses_is_reported(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "missing" / "log")
    await write(log, b"text")
    assert "missing" in str(log.problem)
    assert log.left_out_bytes == 4
