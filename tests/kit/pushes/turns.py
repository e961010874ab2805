"""Receivers behind one address of RTMP: each connection gets one of its own, which listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.kit.ports import free_port
from tests.kit.pushes.receivers import Receiver, receiving


class Turns:
    """`url` leads to the next receiver; who comes when all have had their turn is refused."""

    def __init__(self, key: str, receivers: list[tuple[int, Receiver]]) -> None:
        self.port, self._key = free_port(), key
        self._left, self.receivers = receivers, [receiver for _, receiver in receivers]
        self.taken = 0
        """Connections."""

    @property
    def url(self) -> str:
        """Where to push to."""
        return f"rtmp://127.0.0.1:{self.port}/live/{self._key}"

    @property
    def used(self) -> list[Receiver]:
        """Those that had a connection, in order."""
        return self.receivers[: self.taken]

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until both sides have closed it."""
        if self.taken == len(self._left):
            writer.close()
            return
        port, _ = self._left[self.taken]
        self.taken += 1
        inner, out = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_passed(reader, out), _passed(inner, writer))


async def _passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def in_turns(folder: Path, count: int, key: str = "key") -> AsyncIterator[Turns]:
    """So many receivers, each with a file of its own in the folder."""
    async with AsyncExitStack() as stack:
        receivers = []
        for number in range(count):
            port = free_port()
            place = f"rtmp://127.0.0.1:{port}/live/{key}"
            listening = receiving(place, folder / f"turn-{number}.mkv")
            receivers.append((port, await stack.enter_async_context(listening)))
        turns = Turns(key, receivers)
        server = await asyncio.start_server(turns.take, "127.0.0.1", turns.port)
        try:
            yield turns
        finally:
            server.close()
