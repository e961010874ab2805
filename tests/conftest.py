"""Fixtures that several folders of tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from orchestrator.catalog.store import Catalog
from tests.catalog.rows import url_of
from tests.rooms import Server, server_binary

REAL_TIME: Final = (
    "tests/api/dashboard/",
    "tests/api/monitoring/test_real.py",
    "tests/chaos/",
    "tests/cli/test_record.py",
    "tests/recordings/test_c",
    "tests/recordings/test_d",
    "tests/recordings/test_e",
    "tests/recordings/test_f",
    "tests/recordings/test_haven.py",
)
"""What needs most of the machine, up to where the other process has computed all there is."""


class Beside(LoadScopeScheduling):  # type: ignore[misc]
    """What records in real time runs one after the other, what only computes beside it.

    (xdist's own groups, `--dist loadgroup`, have no effect with pytest 9.2.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return "real time" if nodeid.startswith(REAL_TIME) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Beside:
    """xdist's hook: who runs what."""
    return Beside(config, log)


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
