"""A server as a process: where it listens, how it stops, and how soon its port is free."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from orchestrator.api.server import listening, url_of
from orchestrator.errors import SettingsError
from tests.kit.api.memory import MemoryManager
from tests.kit.api.serving import Served


async def line_of(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(20):
        return (await process.stdout.readline()).decode()


@pytest.fixture
def hold(tmp_path: Path) -> Path:
    """While it is there, the child's recordings are being finished."""
    path = tmp_path / "hold"
    path.touch()
    return path


@asynccontextmanager
async def running(hold: Path) -> AsyncIterator[tuple[Process, str]]:
    arguments = ("-m", "tests.kit.api.server_program", str(hold), "0")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=PIPE, stderr=PIPE
    )
    try:
        line = await line_of(process)
        found = re.match(r"Haven Recorder listens on (http://127\.0\.0\.1:\d+) ", line)
        assert found, line
        yield process, found[1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_port_is_free_before_recordings_are_finished(
    hold: Path, number: signal.Signals
) -> None:
    async with running(hold) as (process, url), httpx.AsyncClient() as client:
        # A connection that stays open, as the app's does.
        assert (await client.get(f"{url}/api/recording/active")).status_code == 200
        process.send_signal(number)
        assert await line_of(process) == "finishing\n"
        with listening("127.0.0.1", int(url.rpartition(":")[2])) as again:
            assert url_of(again) == url
        assert process.returncode is None
        await asyncio.to_thread(hold.unlink)
        assert await line_of(process) == "finished\n"
        async with asyncio.timeout(10):
            assert await process.wait() == 0
        assert process.stderr is not None
        assert await process.stderr.read() == b""


def test_port_in_use_is_reported() -> None:
    with listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        message = rf"Can't listen on 127\.0\.0\.1, port {port}: Address already in use.*--port"
        with pytest.raises(SettingsError, match=message), listening("127.0.0.1", port):
            pass


def test_names_that_lead_nowhere_are_reported() -> None:
    with (
        pytest.raises(SettingsError, match=r"Can't listen on nowhere\.invalid"),
        listening("nowhere.invalid", 0),
    ):
        pass


async def test_answers_are_sent_at_once() -> None:
    """Without TCP_NODELAY each answer on a kept connection waits 40 ms."""
    nodelay: asyncio.Queue[int] = asyncio.Queue(1)

    def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer: socket.socket = writer.get_extra_info("socket")
        nodelay.put_nowait(peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with listening("127.0.0.1", 0) as listener:
        async with await asyncio.start_server(accepted, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            async with asyncio.timeout(10):
                assert await nodelay.get() == 1
            writer.close()


def test_address_of_ipv6() -> None:
    with listening("::1", 0) as listener:
        assert url_of(listener).startswith("http://[::1]:")


async def test_manager_lives_as_long_as_the_server(manager: MemoryManager, served: Served) -> None:
    async with served(manager) as url, httpx.AsyncClient(base_url=url) as client:
        assert manager.opened
        assert not manager.closed
        assert (await client.get("/api/recording/active")).json()["count"] == 0
    assert manager.closed


async def test_a_header_without_end_is_refused(manager: MemoryManager, served: Served) -> None:
    async with served(manager) as url, httpx.AsyncClient(base_url=url) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"GET / HTTP/1.1\r\nX-Long: ")
        with contextlib.suppress(ConnectionError):  # it may be closed while we still send
            for _ in range(200):
                writer.write(b"x" * 10_000)
                await writer.drain()
            async with asyncio.timeout(20):
                assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        writer.close()
        assert (await client.get("/api/recording/active")).status_code == 200
