"""What a watch says of addresses that ffmpeg reads. A real ffmpeg, real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from orchestrator.discovery import url_streams
from orchestrator.discovery.configured import ConfiguredDiscovery
from orchestrator.errors import (
    FFmpegNotFound,
    HavenError,
    SourceRefused,
    SourceUnreachable,
    StreamNotFound,
)
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings
from tests.kit.ports import free_port
from tests.kit.recordings.waits import eventually
from tests.kit.sources.url_sender import Film, sending

KEY = "the-stream-key"


@asynccontextmanager
async def watching(url: str) -> AsyncIterator[ConfiguredDiscovery]:
    """Knows a stream "studio" at that address."""
    defined = StreamSettings.model_validate({"url": url})
    named = ConfiguredDiscovery({"studio": defined}, None, Settings())
    try:
        yield named
    finally:
        await named.close()


async def answer(named: ConfiguredDiscovery) -> HavenError | None:
    """None if it is live."""
    try:
        await named.watched("studio")
    except HavenError as error:
        return error
    return None


async def until(named: ConfiguredDiscovery, wanted: Callable[[HavenError | None], bool]) -> None:
    """Asks as a watch does until the answer is that."""
    async with asyncio.timeout(10):
        while not wanted(await answer(named)):
            await asyncio.sleep(0.05)


async def test_a_port_that_is_taken_is_said_and_used_when_it_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with watching(f"rtmp://127.0.0.1:{port}/live/{KEY}?listen=1") as named:
            said = await answer(named)
            assert isinstance(said, StreamNotFound), "it isn't known yet"
            await until(named, lambda said: "Address already in use" in str(said))
            assert KEY not in str(await answer(named))
            taken.close()
            await until(named, lambda said: isinstance(said, StreamNotFound))
            await eventually(lambda: listens(port), lambda: port, within_s=5)
            await named.unwatched("studio")
            assert not listens(port), "nobody watches it"


def listens(port: int) -> bool:
    """Whether its port is taken."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return True
    return False


async def test_why_it_can_t_be_read_is_said(tmp_path: Path) -> None:
    async with watching(f"rtmp://nowhere.invalid/live/{KEY}") as named:
        said = await answer(named)
    assert isinstance(said, SourceUnreachable)
    assert "rtmp://nowhere.invalid/live/***" in str(said)
    assert said.context["retry_within_s"] == 60
    async with watching((tmp_path / "gone.mkv").as_uri()) as named:
        assert "No such file" in str(await answer(named))
        Film(seconds=1).make(tmp_path / "gone.mkv")
        assert await answer(named) is None, "an earlier answer isn't given again"


@pytest.mark.parametrize(
    ("status", "meant"), [("401 Unauthorized", SourceRefused), ("404 Not Found", StreamNotFound)]
)
async def test_what_its_server_answers_is_said(status: str, meant: type[HavenError]) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode())
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with watching(f"http://me:{KEY}@127.0.0.1:{port}/live.m3u8") as named:
            said = await answer(named)
    assert type(said) is meant
    assert status[:3] in str(said)
    assert KEY not in str(said)


async def test_a_publisher_wakes_the_watches_and_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after more time than a publisher counts as live, as a round of watches may be long."""
    monkeypatch.setattr(url_streams, "SEEN_S", 0.0)
    film = Film(seconds=10).make(tmp_path / "film.mkv")
    url = f"rtmp://127.0.0.1:{free_port()}/live/{KEY}"
    seen = asyncio.Queue[str]()
    async with watching(f"{url}?listen=1") as named:
        named.call_when_seen(seen.put_nowait)
        assert isinstance(await answer(named), StreamNotFound)
        async with sending(film, url):
            assert await asyncio.wait_for(seen.get(), 10) == "studio"
        assert await answer(named) is None
        assert isinstance(await answer(named), StreamNotFound)


async def test_a_failure_of_this_machine_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(settings: object) -> None:
        raise FFmpegNotFound("No ffmpeg.")

    def broken(settings: object) -> None:
        raise RuntimeError

    async with watching(f"srt://127.0.0.1:{free_port()}?mode=listener") as named:
        monkeypatch.setattr(url_streams, "program", missing)
        await until(named, lambda said: isinstance(said, FFmpegNotFound))
        monkeypatch.setattr(url_streams, "program", broken)
        await until(named, lambda said: "server's log" in str(said))
