"""What a stop answers while the file is still being finished."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orchestrator.errors import WorkerFailed
from orchestrator.server.manager import Manager, create_manager
from orchestrator.settings import Settings
from tests.kit.catalog.rows import recording


@pytest.fixture
async def manager(tmp_path: Path) -> Manager:
    """A manager whose one recording, in room, is being finished by a worker that takes its time."""
    url = f"sqlite:///{tmp_path / 'catalog.db'}"
    manager = create_manager(Settings(_env_file=None, discovery="demo", database_url=url))
    await manager.catalog.open(migrate=True)
    await manager.catalog.create(recording("a", state="stopping"))
    return manager


async def test_a_file_that_takes_too_long_is_said_to_be_finished_still(manager: Manager) -> None:
    try:
        with pytest.raises(
            WorkerFailed, match=r"The file of room is not final after 0\.1 s"
        ) as said:
            await manager.stop("room", timeout_s=0.1)
        assert "still being finished" in said.value.detail
        assert (await manager.catalog.get("a")).wanted == "stop"
    finally:
        await manager.catalog.close()


async def test_without_a_limit_it_is_waited_for(manager: Manager) -> None:
    try:
        stopping = asyncio.create_task(manager.stop("room", timeout_s=None))
        async with asyncio.timeout(10):
            while (await manager.catalog.get("a")).wanted != "stop":
                await asyncio.sleep(0.01)
        assert not stopping.done()
        await manager.catalog.update("a", state="completed")
        async with asyncio.timeout(10):
            assert (await stopping).state == "completed"
    finally:
        await manager.catalog.close()
