"""A push to a relay that others wrote, from which the recorder records again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orchestrator.recordings.start_request import StartRequest
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings
from tests.kit.managing import managing
from tests.kit.pushes.growing import Growing, pushed, segment
from tests.kit.pushes.relay import relaying
from tests.kit.recordings.waits import until_received
from tests.kit.signals.reading import read
from tests.kit.sources.url_sender import FPS, Film

pytestmark = [pytest.mark.real_time, pytest.mark.all_only]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A segment of 40 seconds."""
    film = Film(seconds=40, options=(("bf", "0"), ("preset", "ultrafast")))
    return segment(film.make(tmp_path / "film.mkv"), tmp_path / "whole.mp4")


async def test_it_goes_by_rtmps_to_a_relay_and_is_recorded_from_there(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    growing = Growing(tmp_path / "work")
    async with relaying(tmp_path) as relay:
        settings = Settings(
            output_directory=tmp_path,
            database_url=f"sqlite:///{tmp_path / 'catalog.db'}",
            discovery=["demo"],
            streams={
                "studio": StreamSettings.model_validate(
                    {"url": f"rtmp://127.0.0.1:{relay.rtmp}/live/key"}
                )
            },
            allow_private_targets=True,
        )
        url = f"rtmps://localhost:{relay.rtmps}/live/key"
        async with pushed(growing, url, settings) as refused:
            growth = asyncio.create_task(growing.grow(whole))
            await refused.rows.until(lambda row: row["state"] == "retrying")
            assert "certificate" in refused.rows.row["error"]
        monkeypatch.setenv("SSL_CERT_FILE", str(relay.certificate))
        async with managing(settings) as manager, pushed(growing, url, settings) as push:
            await push.rows.until(lambda row: row["state"] == "active")
            await manager.start(StartRequest("studio", "mp4", "copy"))
            await until_received(manager, "studio", 4 * FPS)
            ended = await manager.stop("studio")
            growth.cancel()
    assert ended.state == "completed"
    reading = read(Path(ended.output_path))
    assert reading.missing == 0
    assert reading.in_order_and_once
    assert len(reading.offsets_s) >= 2
    assert max(map(abs, reading.offsets_s)) < 0.03, "AAC's priming is in the film"


async def test_a_wrong_key_is_said_to_be_one(tmp_path: Path, whole: Path) -> None:
    (tmp_path / "work").mkdir()
    growing = Growing(tmp_path / "work")
    settings = Settings(output_directory=tmp_path, allow_private_targets=True)
    async with relaying(tmp_path, secret="a-secret") as relay:
        url = f"rtmp://localhost:{relay.rtmp}/live/key?sign=1-wrong"
        async with pushed(growing, url, settings) as push:
            growth = asyncio.create_task(growing.grow(whole))
            await push.rows.until(lambda row: row["state"] == "retrying")
            growth.cancel()
    assert "active" not in push.rows.states
    assert "closed the connection" in push.rows.row["error"]
    assert "key" in push.rows.row["detail"]
