"""Fixtures of the API's tests: a manager in memory, a client, and a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from orchestrator.api.app import create_app
from orchestrator.settings import Settings
from tests.kit.api.callers import PAGE
from tests.kit.api.memory import MemoryManager
from tests.kit.api.serving import Served, serving


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The defaults, in a folder of its own."""
    return Settings(output_directory=tmp_path, disk_reserve_bytes=0)


@pytest.fixture
def open_to_a_page(settings: Settings) -> Settings:
    """One page of another origin may call the whole API."""
    return settings.model_copy(update={"allowed_origins": [PAGE]})


@pytest.fixture
def manager(settings: Settings) -> MemoryManager:
    """A manager without processes."""
    return MemoryManager(settings)


@pytest.fixture
async def client(manager: MemoryManager) -> AsyncIterator[httpx.AsyncClient]:
    """A client that calls the app without a network."""
    transport = httpx.ASGITransport(create_app(manager))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.fixture
def served() -> Served:
    """`async with served(manager) as url`: a real uvicorn around any manager."""
    return serving
