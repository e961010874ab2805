"""One LiveKit server for this folder's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rooms import Server, server_binary


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    binary = server_binary()
    if binary is None:
        pytest.fail("no LiveKit server: scripts/livekit-server builds it")
    made = Server(binary, tmp_path_factory.mktemp("livekit") / "server.log")
    made.start()
    yield made
    made.stop()
