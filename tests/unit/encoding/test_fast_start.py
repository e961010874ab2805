"""An MP4's index is moved to its beginning: nothing else changes, and a crash costs nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import av
import pytest
from playwright.async_api import Browser, Page

from orchestrator.encoding.joining.fast_start import move_index, restored, shifted
from tests.integration.api.dashboard.conftest import browser  # noqa: F401
from tests.kit.fakes import REAL
from tests.kit.recordings.disk import mounted


def make_mp4(path: Path, seconds: int = 3, rate: str = "300k") -> bytes:
    """As the pipelines write it: fragments that become a plain MP4 when it is closed."""
    command = [
        *(str(REAL), "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30"),
        *(
            "-f",
            "lavfi",
            "-i",
            "sine",
            "-t",
            str(seconds),
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
        ),
        *("-b:v", rate, "-c:a", "aac", "-movflags", "+hybrid_fragmented+use_metadata_tags"),
        *("-frag_duration", "1000000", "-metadata", "recording_id=abc", str(path)),
    ]
    subprocess.run(command, check=True, timeout=60)
    return path.read_bytes()


def media(path: Path) -> list[tuple[int, int | None, bytes]]:
    """Every packet: its stream, time and content."""
    with av.open(str(path)) as file:
        return [(p.stream.index, p.pts, bytes(p)) for p in file.demux() if p.size]


def begins_with_index(path: Path) -> bool:
    data = path.read_bytes()
    return 0 < data.index(b"moov") < data.index(b"mdat")


@pytest.fixture
def movable(tmp_path: Path) -> Path:
    """A closed MP4 on a file system that can move its index."""
    path = tmp_path / "x.mp4"
    make_mp4(path)
    trial = tmp_path / "trial.mp4"
    shutil.copyfile(path, trial)
    if not move_index(trial):
        pytest.skip("the file system of the temporary folder can't insert a range")
    return path


def test_the_index_comes_first_and_the_media_stay(movable: Path) -> None:
    before, size = media(movable), movable.stat().st_size
    assert not begins_with_index(movable)
    assert move_index(movable)
    assert begins_with_index(movable)
    assert media(movable) == before
    assert movable.stat().st_size < size + 2 * os.stat(movable).st_blksize
    with av.open(str(movable)) as file:
        assert file.metadata["recording_id"] == "abc"
    assert not move_index(movable), "it is there already"


class Killed(Exception):
    """Stands for the death of the process at this place."""


@pytest.mark.parametrize("step", range(1, 7))
def test_a_crash_at_any_step_costs_nothing(
    movable: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writes and syncs are counted; the process dies in the given one, half of a write done."""
    before = media(movable)
    steps = iter(range(1, 9))

    def pwrite(descriptor: int, data: bytes, at: int, write: Any = os.pwrite) -> int:
        if next(steps) == step:
            write(descriptor, data[: len(data) // 2], at)
            raise Killed
        written: int = write(descriptor, data, at)
        return written

    def fsync(descriptor: int, sync: Any = os.fsync) -> None:
        sync(descriptor)
        if next(steps) == step:
            raise Killed

    def ftruncate(descriptor: int, length: int, truncate: Any = os.ftruncate) -> None:
        if next(steps) == step:
            raise Killed
        truncate(descriptor, length)
        if next(steps) == step:
            raise Killed

    for replaced in (pwrite, fsync, ftruncate):
        monkeypatch.setattr(os, replaced.__name__, replaced)
    with pytest.raises(Killed):
        move_index(movable)
    monkeypatch.undo()
    if step < 3:  # the first bytes are not there
        with pytest.raises(av.FFmpegError):
            media(movable)
        assert restored(movable)
    assert media(movable) == before
    if step < 3:
        assert move_index(movable)
        assert media(movable) == before


def test_where_the_file_system_can_not(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", mib=8) as disk:
        if disk is None:
            pytest.skip("mounting a small file system takes root (and CAP_SYS_ADMIN)")
        path = disk.path / "x.mp4"
        data = make_mp4(path)
        assert not move_index(path)
        assert path.read_bytes() == data


@pytest.mark.parametrize("cut", [1, 9, 500])
def test_a_damaged_file_is_left_alone(movable: Path, cut: int) -> None:
    data = movable.read_bytes()[:-cut]
    movable.write_bytes(data)
    assert not move_index(movable)
    assert not restored(movable)
    assert movable.read_bytes() == data


def test_what_is_no_mp4(tmp_path: Path) -> None:
    path = tmp_path / "x.webm"
    for data in (b"", b"\x1a\x45\xdf\xa3 nothing", bytes(9000), struct.pack(">I4s", 8, b"ftyp")):
        path.write_bytes(data)
        assert not move_index(path)
        assert not restored(path)
        assert path.read_bytes() == data


def moov(table: bytes) -> bytes:
    """An index that holds one table of chunk offsets."""
    for kind in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        table = struct.pack(">I4s", len(table) + 8, kind) + table
    return table


def offsets(kind: bytes, code: str, *values: int) -> bytes:
    content = struct.pack(f">II{len(values)}{code}", 0, len(values), *values)
    return struct.pack(">I4s", len(content) + 8, kind) + content


def test_offsets_are_shifted() -> None:
    assert shifted(moov(offsets(b"stco", "I", 48, 2**31)), 4096) == moov(
        offsets(b"stco", "I", 4144, 2**31 + 4096)
    )
    assert shifted(moov(offsets(b"co64", "Q", 2**32, 2**40)), 4096) == moov(
        offsets(b"co64", "Q", 2**32 + 4096, 2**40 + 4096)
    )
    assert shifted(moov(offsets(b"stco", "I")), 4096) == moov(offsets(b"stco", "I"))


def test_offsets_that_can_not_be_shifted() -> None:
    assert shifted(moov(offsets(b"stco", "I", 2**32 - 4096)), 4096) is None
    assert shifted(moov(offsets(b"stco", "I", 1)[:-4]), 4096) is None
    assert shifted(moov(struct.pack(">I4s", 90, b"free")), 4096) is None


PAGE = "<video muted autoplay src='x.mp4'></video>"


async def serve_half(path: Path, address: str) -> asyncio.Server:
    """Like a server without ranges on a slow line: half of the file comes, the rest doesn't."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if b"x.mp4" not in request.split(b"\r\n")[0]:
            body = PAGE.encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n")
            writer.write(b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
            await writer.drain()
            writer.close()
            return
        body = await asyncio.to_thread(path.read_bytes)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body[: len(body) // 2])
        await writer.drain()
        await reader.read()  # until the browser leaves
        writer.close()

    return await asyncio.start_server(answer, address, 0)


async def shows(page: Page, path: Path, within_ms: int) -> bool:
    """Whether the browser shows a frame though only half of the file came."""
    async with await serve_half(path, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        await page.goto(f"http://127.0.0.1:{port}/")
        waited = f"""new Promise(done => {{
            const video = document.querySelector('video');
            const look = () => video.readyState >= 2 && done(true);
            video.addEventListener('loadeddata', look);
            look();
            setTimeout(() => done(false), {within_ms});
        }})"""
        shown = bool(await page.evaluate(waited))
        await page.goto("about:blank")
    return shown


async def test_a_browser_plays_it_while_it_comes(
    movable: Path,
    browser: Browser,  # noqa: F811
) -> None:
    """Chromium, of a server that knows no ranges."""
    make_mp4(movable, seconds=20, rate="2M")
    page = await browser.new_page()
    assert not await shows(page, movable, 1500), "the index is in the half that doesn't come"
    assert await asyncio.to_thread(move_index, movable)
    assert await shows(page, movable, 20_000)
