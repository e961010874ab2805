"""Fixtures that several folders of tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from orchestrator.catalog.store import Catalog
from tests.catalog.rows import url_of
from tests.rooms import Server, server_binary

BROWSER = Path(__file__).parent / "api" / "dashboard"


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that record in real time run one after the other, beside those that only compute."""
    for item in items:
        if item.get_closest_marker("livekit") or item.path.is_relative_to(BROWSER):
            item.add_marker(pytest.mark.xdist_group("real time"))


@pytest.fixture(scope="session")
def livekit_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A LiveKit server for all tests; each takes a room of its own."""
    binary = server_binary()
    if binary is None:
        pytest.fail("no LiveKit server: run scripts/livekit-server, which builds it")
    server = Server(binary, tmp_path_factory.mktemp("livekit") / "server.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[Catalog]:
    """A catalog of its own for every test."""
    made = Catalog(url_of(tmp_path / "catalog.db"))
    await made.open(migrate=True)
    yield made
    await made.close()
