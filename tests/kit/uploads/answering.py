"""Servers that answer everything in the same way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answering:
    """One that runs."""

    address: str
    heads: list[str] = field(default_factory=list)
    """Of the requests, in lower case."""


@asynccontextmanager
async def answering(status: int, body: bytes = b"", headers: str = "") -> AsyncIterator[Answering]:
    """A server that answers everything with this."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            found.heads.append(head.decode())
            lines = head.split(b"\r\n")
            sizes = [int(one.split(b":")[1]) for one in lines if one.startswith(b"content-len")]
            await reader.readexactly(sum(sizes))
            ends = f"Content-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
            writer.write(f"HTTP/1.1 {status} Said\r\n{ends}".encode())
            writer.write(b"" if head.startswith(b"head") else body)
            await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        found = Answering(f"http://{host}:{port}")
        yield found
