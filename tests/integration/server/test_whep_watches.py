"""A stream with a name of its own, of a real WHEP server: watched, recorded, over."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings
from tests.kit.managing import managing
from tests.kit.recordings.waits import until_duration
from tests.kit.signals.reading import read
from tests.kit.sources.whep_server import TOKEN, WhepServer, whep_server

pytestmark = pytest.mark.real_time


def settings_of(folder: Path, **changes: Any) -> Settings:
    values: dict[str, Any] = {
        "discovery": ["demo"],
        "database_url": f"sqlite:///{folder / 'catalog.db'}",
        "output_directory": folder / "out",
        "disk_reserve_bytes": 0,
        "cpu_limit": 10,
        "speed_step": "default",
        "log_level": "warning",
        "connect_timeout_s": 5,
        "reconnect_timeout_s": 1,
        "watch_period_s": 1,
    }
    return Settings(**(values | changes))


def lobby(server: WhepServer) -> StreamSettings:
    return StreamSettings(name="The Lobby", whep=server.url, token=SecretStr(TOKEN))


async def rounds(manager: Manager, until: str) -> None:
    """The watches' rounds, until a recording has this state."""
    async with asyncio.timeout(30):
        while True:
            await manager.watches.round()
            recordings, _ = await manager.history(limit=9, offset=0)
            if [recording.state for recording in recordings] == [until]:
                return
            await asyncio.sleep(0.2)


async def test_it_is_recorded_while_it_is_live_and_nothing_fails_while_it_isn_t(
    tmp_path: Path,
) -> None:
    """Added at run time: its definition reaches the worker, and its token nobody else."""
    async with whep_server() as server, managing(settings_of(tmp_path)) as manager:
        server.away = 404
        await manager.streams.add("lobby", lobby(server))
        await manager.watches.add(StartRequest("lobby", "mp4", video_quality="low"))
        await manager.watches.round()
        (status,) = await manager.watches.all()
        assert (status.error, status.recording) == (None, None)
        assert (await manager.history(limit=9, offset=0))[1] == 0
        server.away = None
        await rounds(manager, "recording")
        (row,) = await manager.active()
        assert row.stream["discovery"] == "configured"
        worker_log = Path(row.work_directory) / "worker.log"
        await until_duration(manager, "lobby", 2)
        assert TOKEN not in await asyncio.to_thread(worker_log.read_text)
        server.away = 409
        await asyncio.gather(*(each.close() for each in server.connections.values()))
        await rounds(manager, "completed")
        (row,), _ = await manager.history(limit=9, offset=0)
        assert (row.error, row.error_code) == (None, None)
        assert Path(row.output_path).name.startswith("The_Lobby_lobby_")
        reading = await asyncio.to_thread(read, Path(row.output_path))
        assert reading.codes, "its frames are in the file"


@pytest.mark.all_only
async def test_a_server_without_a_publisher_that_takes_sessions_makes_no_failures(
    tmp_path: Path,
) -> None:
    settings = settings_of(tmp_path, connect_timeout_s=2)
    async with whep_server(audio=False, late_s=60) as server, managing(settings) as manager:
        await manager.streams.add("lobby", lobby(server))
        await manager.watches.add(StartRequest("lobby", "mp4"))
        await manager.watches.round()
        assert server.posts == 2, "it was asked, and a start was tried"
        assert (await manager.history(limit=9, offset=0))[1] == 0
        (status,) = await manager.watches.all()
        assert (status.error, status.recording) == (None, None)
