"""Pushes to servers that do what they shouldn't, of segments that grow in real time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.settings import Settings
from tests.kit.ports import free_port
from tests.kit.pushes.growing import Growing, pushed, segment
from tests.kit.pushes.receivers import receiving
from tests.kit.signals.reading import read
from tests.kit.sources.url_sender import FPS, Film

pytestmark = pytest.mark.real_time

KEY = "a-push-key-nobody-may-see"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A segment of eight seconds."""
    folder = tmp_path_factory.mktemp("film")
    film = Film(seconds=8, options=(("bf", "0"), ("preset", "ultrafast"))).make(folder / "film.mkv")
    return segment(film, folder / "whole.mp4")


@pytest.fixture
def growing(tmp_path: Path) -> Growing:
    """Of which nothing is there yet."""
    work = tmp_path / "work"
    work.mkdir()
    return Growing(work)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Under which a push may lead to this machine."""
    return Settings(output_directory=tmp_path, allow_private_targets=True)


@asynccontextmanager
async def silent(port: int) -> AsyncIterator[None]:
    """A server that takes connections and does nothing more."""
    taken: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: taken.append(writer), "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        for writer in taken:
            writer.close()


@dataclass
class Throttle:
    """How a proxy passes on what comes."""

    bytes_per_s: int
    open: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def throttled(port: int, to: int, *, bytes_per_s: int) -> AsyncIterator[Throttle]:
    """Passes on what comes, so slowly, and nothing while it isn't open."""
    throttle = Throttle(bytes_per_s)
    throttle.open.set()
    tasks: list[asyncio.Task[None]] = []
    writers: list[asyncio.StreamWriter] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, out = await asyncio.open_connection("127.0.0.1", to)
        writers.extend((writer, out))

        async def back() -> None:
            while data := await inner.read(4096):
                writer.write(data)

        async def on() -> None:
            while data := await reader.read(8192):
                out.write(data)
                await asyncio.sleep(len(data) / throttle.bytes_per_s)
                await throttle.open.wait()

        tasks.extend(map(asyncio.create_task, (back(), on())))

    server = await asyncio.start_server(take, "127.0.0.1", port, limit=4096)
    try:
        yield throttle
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        for writer in writers:
            writer.close()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.all_only
async def test_segments_follow_each_other_in_one_connection(
    growing: Growing, settings: Settings, whole: Path, tmp_path: Path
) -> None:
    url = f"rtmp://127.0.0.1:{free_port()}/live/{KEY}"
    async with (
        receiving(url, tmp_path / "got.mkv") as receiver,
        pushed(growing, url, settings) as push,
    ):
        await growing.grow(whole, speed=2)
        await growing.grow(whole, offset_s=8, speed=2)
        await push.end()
        await receiver.ended()
    assert push.rows.states == ["active", "complete"]
    assert push.rows.row["figures"]["reconnects"] == 0
    received = read(receiver.path)
    first = received.numbers[0]
    assert received.numbers == [*range(first, 8 * FPS), *range(8 * FPS)]
    assert received.audio_gaps == 0
    assert max(map(abs, received.offsets_s)) < 0.03
    assert not list((growing.work / "runtime").iterdir())


@pytest.mark.all_only
async def test_other_parameters_go_into_another_connection(
    growing: Growing, settings: Settings, whole: Path, tmp_path: Path
) -> None:
    url = f"rtmp://127.0.0.1:{free_port()}/live/{KEY}"
    small = segment(whole, tmp_path / "small.mp4", "-vf", "scale=160:90", "-c:v", "libx264",
                    "-bf", "0", "-g", "30", "-c:a", "copy")  # fmt: skip
    async with pushed(growing, url, settings) as push:
        async with receiving(url, tmp_path / "first.mkv") as first:
            await growing.grow(whole, speed=2)
            growth = asyncio.create_task(growing.grow(small, offset_s=8))
            await first.ended()
        async with receiving(url, tmp_path / "second.mkv") as second:
            await push.rows.until(lambda _: push.rows.states[-1:] == ["active"])
            await growth
            await push.end()
            await second.ended()
    assert read(first.path).numbers[-1] == 8 * FPS - 1
    got = read(second.path)
    assert got.size == (160, 90)
    assert got.missing == 0
    assert push.rows.row["state"] == "complete"


@pytest.mark.all_only
async def test_a_server_that_takes_the_connection_and_nothing_more_is_given_up(
    growing: Growing, settings: Settings, whole: Path
) -> None:
    port = free_port()
    async with (
        silent(port),
        pushed(growing, f"rtmp://127.0.0.1:{port}/live/{KEY}", settings) as push,
    ):
        await growing.grow(whole, speed=4)
        await push.rows.until(lambda row: row["state"] == "retrying")
        assert "active" not in push.rows.states
        assert "answer" in push.rows.row["error"], push.rows.row


@pytest.mark.all_only
async def test_one_that_is_too_slow_gets_newer_keyframes_and_one_that_stops_is_given_up(
    growing: Growing, settings: Settings, tmp_path: Path
) -> None:
    constant = {"b": "4000000", "minrate": "4000000", "maxrate": "4000000", "bufsize": "1000000"}
    options = {"bf": "0", "preset": "ultrafast", "nal-hrd": "cbr", **constant}
    film = Film(seconds=40, size=(320, 180), options=tuple(options.items()))
    whole = segment(film.make(tmp_path / "large.mkv"), tmp_path / "large.mp4")
    port, slow_port = free_port(), free_port()
    place = f"/live/{KEY}"
    async with (
        receiving(f"rtmp://127.0.0.1:{port}{place}", tmp_path / "got.mkv") as receiver,
        throttled(slow_port, port, bytes_per_s=150_000) as throttle,
        pushed(growing, f"rtmp://127.0.0.1:{slow_port}{place}", settings) as push,
    ):
        growth = asyncio.create_task(growing.grow(whole))
        await push.rows.until(lambda row: row.get("figures", {}).get("skips", 0) >= 1, 45)
        assert push.rows.row["state"] == "active"
        throttle.bytes_per_s = 10**8
        await push.rows.until(
            lambda row: receiver.path.stat().st_size > 0.9 * (row["figures"]["bytes"] or 10**9)
        )
        throttle.open.clear()
        await push.rows.until(lambda row: row["state"] == "retrying", 40)
        growth.cancel()
        await receiver.kill()
    assert push.rows.row["figures"]["skipped_s"] >= 5
    numbers = read(receiver.path, cut=True).numbers
    jumps = [b - a for a, b in pairwise(numbers) if b != a + 1]
    assert jumps, "it goes on behind what was left out"
    assert all(jump > 3 * FPS for jump in jumps)
    assert all(b % FPS == 0 for a, b in pairwise(numbers) if b != a + 1), "at keyframes"


@pytest.mark.all_only
async def test_addresses_of_this_machine_are_refused_again_when_it_connects(
    growing: Growing, tmp_path: Path, whole: Path
) -> None:
    refusing = Settings(output_directory=tmp_path)
    async with pushed(growing, f"rtmp://localhost:{free_port()}/live/{KEY}", refusing) as push:
        await growing.grow(whole, speed=8)
        await push.rows.until(lambda row: row["state"] == "retrying")
    assert "private network" in push.rows.row["error"]
    assert push.rows.row["state"] == "removed"
