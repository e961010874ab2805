"""What an address can't make ffmpeg read, that none of its secrets is seen, and who is there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest

from orchestrator.discovery.configured import ConfiguredDiscovery
from orchestrator.errors import SourceError, SourceUnreachable, StreamNotFound
from orchestrator.media import UrlEndpoint
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings
from orchestrator.sources.create import create
from orchestrator.sources.source import Source, SourceEvent
from orchestrator.sources.url.session import UrlInput
from orchestrator.url_input.program import program
from tests.kit.ports import free_port
from tests.kit.recordings.waits import eventually
from tests.kit.sources.url_sender import Film, sending

KEY = "the-stream-key"


def source_of(url: str, folder: Path, *, timeout_s: float = 10) -> Source:
    """A source that isn't open yet."""
    endpoint = UrlEndpoint(url)

    async def renew() -> UrlEndpoint:
        return endpoint

    events: list[SourceEvent] = []
    return create(
        endpoint,
        events.append,
        renew=renew,
        connect_timeout_s=timeout_s,
        reconnect_timeout_s=0,
        url_input=UrlInput(partial(program, Settings()), folder / "input.log"),
    )


async def failure_of(url: str, folder: Path, *, timeout_s: float = 10) -> str:
    """Why it can't be read."""
    source = source_of(url, folder, timeout_s=timeout_s)
    try:
        with pytest.raises(SourceError) as failed:
            await source.open()
    finally:
        await source.close()
    return f"{failed.value} {(folder / 'input.log').read_text()}"


@asynccontextmanager
async def server(answer: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Answers every request alike; its port, and what was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + answer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], asked


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"


async def test_a_file_can_t_make_it_ask_a_server(tmp_path: Path) -> None:
    async with server(b"secret") as (port, asked):
        playlist = tmp_path / "list.m3u8"
        playlist.write_text(PLAYLIST.format(f"http://127.0.0.1:{port}/a.ts"))
        said = await failure_of(playlist.as_uri(), tmp_path)
    assert asked == []
    assert "not on whitelist" in said


async def test_a_server_can_t_make_it_read_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.ts"
    secret.write_text("nobody may read this")
    answer = PLAYLIST.format(secret.as_uri()).encode()
    async with server(answer) as (port, asked):
        said = await failure_of(f"http://127.0.0.1:{port}/list.m3u8?token={KEY}", tmp_path)
    assert asked
    assert KEY not in said
    assert "not on whitelist" in said or "Invalid data" in said


async def test_no_argument_of_a_process_has_the_key_and_none_outlives_its_source(
    tmp_path: Path,
) -> None:
    source = source_of(f"rtmp://127.0.0.1:{free_port()}/live/{KEY}?listen=1", tmp_path, timeout_s=9)
    opening = asyncio.create_task(source.open())
    own = psutil.Process(os.getpid())

    def readers() -> list[psutil.Process]:
        return [each for each in own.children() if "pipe:1" in each.cmdline()]

    try:
        await eventually(lambda: bool(readers()), own.children, within_s=5)
        (reader,) = readers()
        assert not any(KEY in each for each in (*reader.cmdline(), *reader.environ().values()))
    finally:
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        await source.close()
    assert readers() == []


async def test_nobody_there(tmp_path: Path) -> None:
    said = await failure_of(f"rtmp://127.0.0.1:{free_port()}/live/{KEY}", tmp_path)
    assert "Connection refused" in said
    assert "/live/***" in said
    assert KEY not in said
    assert "No such file" in await failure_of("file:///nowhere/film.mkv", tmp_path)


async def test_a_watch_knows_whether_somebody_sends_before_anything_is_recorded(
    tmp_path: Path,
) -> None:
    film = Film(seconds=10).make(tmp_path / "film.mkv")
    url = f"rtmp://127.0.0.1:{free_port()}/live/{KEY}"
    studio = StreamSettings.model_validate({"url": f"{url}?listen=1"})
    nobody = StreamSettings.model_validate({"url": f"srt://127.0.0.1:{free_port()}"})
    named = ConfiguredDiscovery({"studio": studio, "nobody": nobody}, None, Settings())

    said: list[str] = []

    async def is_live(id: str) -> bool:
        try:
            return (await named.watched(id)).is_currently_live is True
        except (StreamNotFound, SourceUnreachable) as absence:
            said.append(str(absence))
            return False

    try:
        assert not any(await asyncio.gather(is_live("studio"), is_live("nobody")))
        async with sending(film, url), asyncio.timeout(15):
            while not await is_live("studio"):
                await asyncio.sleep(0.1)
        endpoint = await named.endpoint(await named.watched("studio"), "recorder")
        assert endpoint == UrlEndpoint(f"{url}?listen=1")
    finally:
        await named.close()
    assert KEY not in " ".join(said)
    assert not [p for p in psutil.Process().children() if "pipe:1" in p.cmdline()]


async def test_a_publisher_with_another_key_is_refused_and_keeps_nobody_away(
    tmp_path: Path,
) -> None:
    film = Film(seconds=10).make(tmp_path / "film.mkv")
    url = f"rtmp://127.0.0.1:{free_port()}/live"
    async with sending(film, f"{url}/guessed"):
        said = await failure_of(f"{url}/{KEY}?listen=1", tmp_path, timeout_s=3)
        assert "another key" in said
        assert KEY not in said
        source = source_of(f"{url}/{KEY}?listen=1", tmp_path, timeout_s=30)
        async with sending(film, f"{url}/{KEY}"):
            await source.open()
            await source.close()
