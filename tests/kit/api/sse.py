"""Reads server-sent events as a browser does (WHATWG HTML §9.2.6)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass
class Event:
    """One of them."""

    name: str
    data: Any
    id: str | None


class Listener:
    """Takes one event after the other."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self, *names: str) -> Event:
        """The next one that is called so, or whatever it is."""
        async with asyncio.timeout(30):
            while True:
                event = await self._event()
                if not names or event.name in names:
                    return event

    async def until_end(self) -> None:
        """Until the server has nothing more."""
        async with asyncio.timeout(30):
            async for _ in self._lines:
                pass

    async def _event(self) -> Event:
        fields: dict[str, str] = {}
        async for line in self._lines:
            if not line and fields:
                break
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
        return Event(fields["event"], json.loads(fields["data"]), fields.get("id"))


@asynccontextmanager
async def listening(
    url: str, last_id: str | None = None, headers: dict[str, str] | None = None
) -> AsyncIterator[Listener]:
    """Live events of this server."""
    headers = (headers or {}) | ({} if last_id is None else {"Last-Event-ID": last_id})
    async with (
        httpx.AsyncClient(base_url=url, timeout=30) as client,
        client.stream("GET", "/api/events", headers=headers) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Listener(response)
