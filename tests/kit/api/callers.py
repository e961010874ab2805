"""Who calls in the tests: the desktop app, pages of other origins, browsers without an Origin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx

from orchestrator.api.app import create_app
from orchestrator.settings import Settings
from tests.kit.api.memory import MemoryManager

PAGE: Final = "https://player.example"
"""Allowed where a test says so."""

ELECTRON: Final = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "haven-player/1.0.0 Chrome/142.0.7444.235 Electron/39.2.7 Safari/537.36"
)
"""What Electron sends by itself."""

APP: Final = {"Origin": "null", "User-Agent": ELECTRON}


@asynccontextmanager
async def calling(
    settings: Settings, manager: MemoryManager | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app with these settings, without a network."""
    transport = httpx.ASGITransport(create_app(manager or MemoryManager(settings)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client
