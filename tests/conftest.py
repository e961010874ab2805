"""Fixtures that several folders of tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from orchestrator.catalog.store import Catalog
from tests.catalog.rows import url_of
from tests.rooms import Server, server_binary

REAL_TIME: Final = (
    "tests/api/dashboard/",
    "tests/api/monitoring/test_real.py",
    "tests/chaos/",
    "tests/cli/test_record.py",
    "tests/recordings/test_coming_and_going.py",
    "tests/recordings/test_crashes.py",
    "tests/recordings/test_disk.py",
    "tests/recordings/test_end_to_end.py",
    "tests/recordings/test_faults.py",
    "tests/recordings/test_haven.py",
    "tests/recordings/test_lifecycle.py",
    "tests/recordings/test_pacing.py",
    "tests/recordings/test_timing.py",
)
"""What records as time goes by, and needs most of the machine for it."""

# How long one example takes says how busy the machine is, and nothing of the code.
settings.register_profile("haven", deadline=None)
settings.load_profile("haven")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what scripts/test runs apart from what only computes."""
    for item in items:
        if item.nodeid.startswith(REAL_TIME):
            item.add_marker(pytest.mark.real_time)


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
