"""Receivers of web hooks on loopback, which answer as a test says and keep what they got."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answers = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call that came."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """Its JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(slots=True)
class Receiver:
    """Answers as the test says; 200 until then."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """Answers to the next calls; 200 after them."""
    respond: Answers | None = None
    """Instead of `statuses`."""

    @property
    def types(self) -> list[str]:
        """Of the events that came, in order."""
        return [call.event["type"] for call in self.calls]

    async def until(self, count: int, timeout_s: float = 15) -> None:
        """Waits until so many calls came."""
        async with asyncio.timeout(timeout_s):
            while len(self.calls) < count:
                await asyncio.sleep(0.02)

    async def until_type(self, type: str, timeout_s: float = 60) -> None:
        """Waits until an event of this type came."""
        async with asyncio.timeout(timeout_s):
            while type not in self.types:
                await asyncio.sleep(0.02)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The answer to one request."""
        self.calls.append(Call(dict(request.headers), await request.read()))
        if self.respond is not None:
            return await self.respond(request)
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


@asynccontextmanager
async def receiving(
    host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """One on a port of its own."""
    receiver = Receiver()
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", receiver.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, host, port, ssl_context=tls).start()
    scheme = "http" if tls is None else "https"
    receiver.url = f"{scheme}://{host}:{runner.addresses[0][1]}/hook/geheim"
    try:
        yield receiver
    finally:
        await runner.cleanup()


async def hang(_: web.Request) -> web.StreamResponse:
    """Never answers."""
    await asyncio.Event().wait()
    raise AssertionError
