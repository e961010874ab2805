"""Limits for a request's body: its size, and the time to receive it."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api.errors import http_answer

MAX_BODY_BYTES: Final = 64 * 1024
"""No request of this API is nearly as large."""

BODY_TIMEOUT_S: Final = 20.0
"""Time to receive a whole body; 64 kB take less than a second on any connection."""


class BodyLimit:
    """ASGI middleware: rejects a body over the limit, by its declared or actual size."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif _declared_bytes(scope) > MAX_BODY_BYTES:
            await http_answer(413, Request(scope))(scope, receive, send)
        else:
            body = _Body(receive, send)
            await self.app(scope, body.receive, body.send)


class _Body:
    """The body of one request while it is received."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._received_bytes = 0
        self._complete = self._answered = False
        self._deadline_s = asyncio.get_running_loop().time() + BODY_TIMEOUT_S

    async def receive(self) -> Message:
        """The next part of the body; afterwards the next message, without a time limit."""
        message = await (self._receive() if self._complete else self._in_time())
        self._received_bytes += len(message.get("body", b""))
        self._complete = self._complete or not message.get("more_body", False)
        if self._received_bytes > MAX_BODY_BYTES:
            # FastAPI passes an HTTPException through; our handler formats it.
            raise HTTPException(413)
        return message

    async def send(self, message: Message) -> None:
        """Notes that the request is being answered."""
        self._answered = True
        await self._send(message)

    async def _in_time(self) -> Message:
        try:
            async with asyncio.timeout_at(self._deadline_s):
                return await self._receive()
        except TimeoutError:
            if self._answered:  # the handler only waits for the client to disconnect
                self._complete = True
                return {"type": "http.disconnect"}
            raise HTTPException(408) from None


def _declared_bytes(scope: Scope) -> int:
    declared = Headers(scope=scope).get("content-length", "")
    return int(declared) if declared.isdecimal() else 0
