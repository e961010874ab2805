"""The demo stream as a directory: one stream, served over WHEP by a process of our own.

The process starts when the stream is first looked for, and ends with us: it ends when its standard
input is closed. With an address in the settings nothing is started; a worker borrows the server's
demo stream, and starts its own when that has ended.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from typing import Final
from urllib.parse import urlsplit

from orchestrator.errors import SourceUnreachable
from orchestrator.media import Stream, WhepEndpoint

START_TIMEOUT_S: Final = 7.0
STOP_TIMEOUT_S: Final = 2.0
LOOK_TIMEOUT_S: Final = 1.0
COMMAND: Final = (sys.executable, "-m", "orchestrator.discovery.demo.server")

STREAM: Final = Stream(
    id="demo",
    discovery="demo",
    name="Demo",
    symbol="DEMO",
    description="A test pattern with a running clock, and a beep with a flash each second.",
)


class DemoDiscovery:
    """The built-in test stream, so that a fresh machine has something to record."""

    name = "demo"

    def __init__(self, url: str | None = None) -> None:
        self._configured = url
        self._borrowed: str | None = None
        self._server: DemoServer | None = None
        self._starting = asyncio.Lock()

    @property
    def url(self) -> str | None:
        """WHEP address of the stream; None while it isn't running."""
        if (elsewhere := self._configured or self._borrowed) is not None:
            return elsewhere
        return self._server.url if self._server is not None and self._server.alive else None

    def borrow(self, url: str | None) -> None:
        """Uses another process's demo stream until it no longer answers."""
        self._borrowed = url

    async def find(self, id: str) -> Stream | None:
        """The demo stream; it runs when this returns it."""
        if id != STREAM.id:
            return None
        await self._running_url()
        return STREAM

    async def live(self, limit: int) -> list[Stream]:
        """The demo stream, without starting it."""
        return [STREAM][:limit]

    async def endpoint(self, stream: Stream, identity: str) -> WhepEndpoint:
        """Where it is served; it needs no token."""
        return WhepEndpoint(url=await self._running_url())

    async def close(self) -> None:
        """Ends the process, if we started one; may be called again."""
        async with self._starting:
            server, self._server = self._server, None
            if server is not None:
                await server.stop()

    async def _running_url(self) -> str:
        async with self._starting:
            if self._borrowed is not None and not await _listens(self._borrowed):
                self._borrowed = None
            if self.url is None:
                if self._server is not None:
                    await self._server.stop()
                self._server = await DemoServer.start()
        url = self.url
        if url is None:
            raise SourceUnreachable("The demo stream ended as soon as it ran.", "Try again.")
        return url


async def _listens(url: str) -> bool:
    address = urlsplit(url)
    try:
        async with asyncio.timeout(LOOK_TIMEOUT_S):
            _, writer = await asyncio.open_connection(address.hostname, address.port)
    except OSError:  # TimeoutError is one
        return False
    writer.close()
    return True


class DemoServer:
    """The process that serves the demo stream."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._last_lines: deque[str] = deque(maxlen=20)
        self._drain = asyncio.create_task(self._read_errors())
        self.url = ""

    @classmethod
    async def start(cls) -> DemoServer:
        """Starts it and waits for its address; SourceUnreachable if none comes."""
        server = cls(
            await asyncio.create_subprocess_exec(
                *COMMAND,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                # Ctrl-C on our terminal must not end it before the recordings have ended.
                start_new_session=True,
            )
        )
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                server.url = await server._address()
        except TimeoutError as error:
            await server.stop()
            raise server._failed("it gave no address in time") from error
        except BaseException:
            await server.stop()
            raise
        return server

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.returncode is None

    async def stop(self) -> None:
        """Ends the process and waits for it."""
        lifeline = self._process.stdin
        if lifeline is not None:
            lifeline.close()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._drain

    async def _address(self) -> str:
        assert self._process.stdout is not None
        line = (await self._process.stdout.readline()).decode(errors="replace").strip()
        if line.startswith("http"):
            return line
        await self._process.wait()
        await self._drain
        raise self._failed(f"it ended with code {self._process.returncode}")

    def _failed(self, reason: str) -> SourceUnreachable:
        last = "; ".join(self._last_lines) or "(none)"
        return SourceUnreachable(
            f"The demo stream could not be started: {reason}.",
            f"The last lines of its stderr: {last}",
        )

    async def _read_errors(self) -> None:
        """Keeps the last lines; a full pipe would stop the process."""
        assert self._process.stderr is not None
        while data := await self._process.stderr.read(4096):
            self._last_lines.extend(data.decode(errors="replace").splitlines())
