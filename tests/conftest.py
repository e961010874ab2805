"""Fixtures that several folders of tests share."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from orchestrator.catalog.store import Catalog
from tests.kit.catalog.rows import url_of
from tests.kit.livekit.server import Server, server_binary

# How long one example takes says how busy the machine is, and nothing of the code. Examples are the
# same in each run, so that a change is judged by itself; ./scripts/test --all tries new ones.
new_examples = "HAVEN_NEW_EXAMPLES" in os.environ
settings.register_profile("haven", deadline=None, derandomize=not new_examples)
settings.load_profile("haven")

# Who runs the tests may ignore them (nohup, `&` in a shell), which a process passes on to its own.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def ordinary_priority() -> Iterator[None]:
    """Run by root, SVT-AV1 gives the thread that opens it real-time priority, for good.

    All that later tests start would have it too, and a browser with it leaves no CPU for others.
    """
    yield
    if sys.platform.startswith("linux") and os.sched_getscheduler(0) == os.SCHED_FIFO:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


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
