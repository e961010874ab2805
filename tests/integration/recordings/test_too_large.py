"""A publisher whose video is larger than is decoded: what is recorded, and what is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import VideoTooLarge
from orchestrator.recordings.start_request import StartRequest
from orchestrator.settings import Settings
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.managing import managing
from tests.kit.signals.reading import read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

MOST = 320 * 180
TOO_LARGE = f"The video is 640x360, more than the limit of {MOST} pixels"


@pytest.mark.parametrize("codec", ["vp8", pytest.param("h264", marks=pytest.mark.all_only)])
async def test_audio_is_recorded_and_the_video_once_it_fits(
    settings_for: Callable[..., Settings], livekit_server: Server, codec: str
) -> None:
    room = f"large-{codec}"
    async with (
        managing(settings_for(max_frame_pixels=MOST)) as manager,
        publish(livekit_server, room, video=codec, width=640, height=360, fps=15) as publisher,
    ):

        async def until(condition: Callable[[dict[str, Any]], bool]) -> None:
            async with asyncio.timeout(20):
                while not ((row := await manager.status(room)) and condition(row.figures)):
                    await asyncio.sleep(0.05)

        await manager.start(StartRequest(room, "mp4", None, "low"))
        await until(lambda figures: [*map(cut, figures["warnings"])] == [TOO_LARGE])
        await publisher.unpublish()
        publisher.width, publisher.height = 320, 180
        await publisher.publish_audio()
        await publisher.publish_video(codec)
        await until(
            lambda figures: figures["video"].get("written", 0) > 20 and not figures["warnings"]
        )
        ended = await manager.stop(room)
        kinds = [event.kind for event in await manager.catalog.events(ended.id)]
    assert kinds.count("too_large") == 1
    assert "missing" not in kinds, "a second warning would hide the reason"
    file = read(Path(ended.output_path))
    assert len(file.codes) > 20
    assert file.beeps


@pytest.mark.all_only
async def test_without_audio_the_error_says_why(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    settings = settings_for(max_frame_pixels=MOST, connect_timeout_s=3)
    async with (
        managing(settings) as manager,
        publish(livekit_server, "silent", audio=False, width=640, height=360, fps=15),
    ):
        with pytest.raises(VideoTooLarge, match=TOO_LARGE):
            await manager.start(StartRequest("silent", "mp4", None, "low"))


def cut(warning: str) -> str:
    return warning.partition(" (")[0]
