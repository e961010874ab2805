"""A WHEP server that answers as a test says, on a real socket, and keeps what it was asked."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

Answers = Callable[[web.Request], Awaitable[web.StreamResponse]]

SDP: Final = "\r\n".join(
    [
        *("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"),
        *("m=audio 9 UDP/TLS/RTP/SAVPF 96", "a=mid:0", "a=sendonly", "a=rtpmap:96 opus/48000/2"),
        *("m=video 9 UDP/TLS/RTP/SAVPF 98 97", "a=mid:1", "a=sendonly"),
        *("a=rtpmap:98 rtx/90000", "a=fmtp:98 apt=97", "a=rtpmap:97 VP8/90000", ""),
    ]
)
"""An answer with Opus and VP8, its retransmissions listed first."""


class ScriptedServer:
    """Answers as the test says; keeps what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[tuple[str, str, str | None]] = []
        """Method, path and Authorization of each request."""
        self.bodies: list[str] = []
        self.hosts: list[str] = []
        """The Host header of each."""

    def says(self, **answer: object) -> None:
        """It gives this answer from now on."""

        async def respond(_: web.Request) -> web.StreamResponse:
            return web.Response(**answer)  # type: ignore[arg-type]

        self.respond: Answers = respond


@asynccontextmanager
async def scripted(
    host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ScriptedServer]:
    """One on a port of loopback; until it is told anything else its answer is 500."""

    async def respond(request: web.Request) -> web.StreamResponse:
        asked = (request.method, request.path, request.headers.get("Authorization"))
        server.asked.append(asked)
        server.hosts.append(request.host)
        server.bodies.append(await request.text())
        return await server.respond(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", respond)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, host, port, ssl_context=tls).start()
    scheme = "http" if tls is None else "https"
    server = ScriptedServer(f"{scheme}://{host}:{runner.addresses[0][1]}")
    server.says(status=500)
    try:
        yield server
    finally:
        await runner.cleanup()
