"""A watched stream whose publisher comes to us: recorded at once, whatever the watches' period."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orchestrator.recordings.start_request import StartRequest
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings
from tests.kit.managing import managing
from tests.kit.ports import free_port
from tests.kit.recordings.waits import until_received
from tests.kit.sources.url_sender import Film, sending

pytestmark = pytest.mark.real_time


async def test_a_publisher_is_recorded_when_he_comes(tmp_path: Path) -> None:
    url = f"rtmp://127.0.0.1:{free_port()}/live/the-stream-key"
    settings = Settings(
        output_directory=tmp_path,
        database_url=f"sqlite:///{tmp_path / 'catalog.db'}",
        discovery=["demo"],
        watch_period_s=600,
        streams={"studio": StreamSettings.model_validate({"url": f"{url}?listen=1"})},
    )
    film = Film(seconds=20).make(tmp_path / "film.mkv")
    async with managing(settings) as manager:
        await manager.watches.add(StartRequest("studio", "mkv", "copy"))
        manager.watches.open()
        async with sending(film, url), asyncio.timeout(30):
            while await manager.status("studio") is None:
                await asyncio.sleep(0.05)
            await until_received(manager, "studio", 30)
            await manager.watches.remove("studio")
            ended = await manager.stop("studio")
        assert (ended.state, ended.error) == ("completed", None)
