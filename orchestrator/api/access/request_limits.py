"""Limits for concurrent requests, in total and per address. /livez has no limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.api.access.connection_limits import MOST, MOST_OF_ONE
from orchestrator.api.access.proxies import client_address, client_network
from orchestrator.api.errors import answer
from orchestrator.errors import Unavailable

ALWAYS: Final = "/livez"
"""A busy server is alive: restarting it would only make things worse."""


class TooBusy(Unavailable):
    """The limit of concurrent requests is reached."""

    code = "too_busy"


class RequestLimits:
    """ASGI middleware: rejects requests over the limit before reading them."""

    def __init__(self, app: ASGIApp, trusted: Callable[[str], bool]) -> None:
        self.app = app
        self._trusted = trusted
        self._running: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == ALWAYS:
            await self.app(scope, receive, send)
            return
        host = client_address(HTTPConnection(scope))
        address = client_network(host)
        if error := self._refusal(host, address):
            await answer(error)(scope, receive, send)
            return
        self._running[address] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._running[address] -= 1
            if not self._running[address]:
                del self._running[address]

    def _refusal(self, host: str, address: str) -> TooBusy | None:
        # Behind a proxy that forwards no addresses, all clients have one; so do all local programs.
        if self._running[address] >= MOST_OF_ONE and not self._trusted(host):
            return _busy(MOST_OF_ONE, f"requests of {address}")
        return _busy(MOST, "requests") if self._running.total() >= MOST else None


def _busy(most: int, requests: str) -> TooBusy:
    return TooBusy(
        f"{most} {requests} are being answered, which is the limit",
        "Try again in a moment; close pages and downloads that aren't needed.",
        retry_after_s=1.0,
    )
