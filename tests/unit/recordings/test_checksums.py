"""Sums of real files, written into a real catalog; also those of before."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from orchestrator.catalog.models import File
from orchestrator.catalog.store import Catalog
from orchestrator.recordings import checksums
from orchestrator.recordings.checksums import add_checksums, add_missing_checksums, sha256_of
from tests.kit.catalog.rows import NOON, recording


def file(recording_id: str, path: Path, number: int = 1, integrity: str | None = "whole") -> File:
    return File(
        recording_id=recording_id,
        number=number,
        path=str(path),
        offset_s=0.0,
        duration_s=1.0,
        size_bytes=path.stat().st_size if path.exists() else 0,
        made_at=NOON,
        integrity=integrity,
    )


async def sums(catalog: Catalog, recording_id: str) -> list[str | None]:
    return [file.sha256 for file in await catalog.files(recording_id)]


async def test_the_sum_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(data := os.urandom(3 * 2**20 + 5))
    assert await sha256_of(path) == hashlib.sha256(data).hexdigest()


async def test_each_part_gets_its_own(catalog: Catalog, tmp_path: Path) -> None:
    await catalog.create(recording("a", state="completed"))
    for number in (1, 2):
        path = tmp_path / str(number)
        path.write_bytes(b"x" * number)
        await catalog.put_file(file("a", path, number))
    await add_checksums(catalog, "a")
    assert await sums(catalog, "a") == [hashlib.sha256(b"x" * n).hexdigest() for n in (1, 2)]


async def test_what_was_left_without_is_made_up_for(catalog: Catalog, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"there")
    for id, state, integrity in (
        ("gone", "completed", "whole"),
        ("done", "failed", "incomplete"),
        ("unchecked", "completed", None),
        ("running", "recording", "whole"),
    ):
        path = tmp_path / "gone" if id == "gone" else there
        await catalog.create(recording(id, id, state=state))
        await catalog.put_file(file(id, path, integrity=integrity))
    await add_missing_checksums(catalog)
    assert await sums(catalog, "done") == [hashlib.sha256(b"there").hexdigest()]
    assert await sums(catalog, "gone") == [None]
    assert await sums(catalog, "unchecked") == [None], "a file of an earlier version"
    assert await sums(catalog, "running") == [None], "its own worker does it"


async def test_a_file_that_is_deleted_meanwhile(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x")
    await catalog.create(recording("a", state="completed"))
    await catalog.put_file(row := file("a", path))
    await catalog.delete("a")
    assert not await catalog.set_checksum(row, "0" * 64)


async def test_a_file_that_an_encode_replaces_meanwhile(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x")
    await catalog.create(recording("a", state="completed"))
    await catalog.put_file(row := file("a", path))
    new = file("a", tmp_path / "y")
    new.sha256 = "1" * 64
    await catalog.put_file(new)
    assert not await catalog.set_checksum(row, "0" * 64)
    assert await sums(catalog, "a") == ["1" * 64]


async def test_cancelled_its_thread_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # One byte at a time this takes for ever, unless the thread is stopped.
    monkeypatch.setattr(checksums, "CHUNK_BYTES", 1)
    path = tmp_path / "x"
    with path.open("wb") as made:
        made.truncate(2**34)
    summing = asyncio.create_task(sha256_of(path))
    await asyncio.sleep(0)
    summing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await summing
    await asyncio.get_running_loop().shutdown_default_executor()
