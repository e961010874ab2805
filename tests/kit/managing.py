"""A real manager with workers, a catalog and folders of its own; afterwards nothing may be left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestrator.recordings.job import runtime_directory
from orchestrator.server.manager import Manager, create_manager
from orchestrator.settings import Settings
from tests.kit.livekit.server import Server, settings_of


@pytest.fixture
def settings_for(livekit_server: Server, tmp_path: Path) -> Callable[..., Settings]:
    """Settings for the test's own LiveKit server, catalog and output folder."""

    def make(**changes: Any) -> Settings:
        return settings_of(livekit_server.url, tmp_path, **({"connect_timeout_s": 8} | changes))

    return make


@asynccontextmanager
async def managing(settings: Settings) -> AsyncIterator[Manager]:
    """An open manager; nothing of it is left when the context ends."""
    manager = create_manager(settings)
    await manager.open()
    try:
        yield manager
    finally:
        recordings, _ = await manager.history(limit=100, offset=0)
        await manager.close()
    await nothing_left(*(recording.id for recording in recordings))


async def nothing_left(*recording_ids: str) -> None:
    """No child process stays, and no folder for the pipes of these recordings."""
    folders = [runtime_directory(recording_id) for recording_id in recording_ids]
    async with asyncio.timeout(15):
        while _children() or any(folder.exists() for folder in folders):
            await asyncio.sleep(0.05)


def _children() -> list[psutil.Process]:
    own = psutil.Process().children(recursive=True)
    return [p for p in own if _is_ours(p)]


def _is_ours(process: psutil.Process) -> bool:
    try:
        line = " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False
    return "orchestrator.worker" in line or ("ffmpeg" in line and ".nut" in line)


@pytest.fixture
async def manager(settings_for: Callable[..., Settings]) -> AsyncIterator[Manager]:
    """A manager as a server has it."""
    async with managing(settings_for()) as made:
        yield made
