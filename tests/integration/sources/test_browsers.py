"""A browser that publishes VP9 or AV1 goes on with it while we record."""

from __future__ import annotations

import asyncio
import time

import pytest
from playwright.async_api import Page

from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from tests.kit.chromium import chromium
from tests.kit.livekit.browsers import publishing_page, received, sent, watching_page
from tests.kit.livekit.server import Server
from tests.kit.recordings.waits import FPS, until_received

pytestmark = [pytest.mark.livekit, pytest.mark.real_time, pytest.mark.all_only]


@pytest.mark.parametrize("codec", ["vp9", "av1"])
async def test_the_other_viewer_keeps_its_codec(
    manager: Manager,
    livekit_server: Server,
    codec: str,
) -> None:
    """LiveKit's client falls back to VP8 for everybody, for good, where one can't take it."""
    room, wanted = f"browsers {codec}", f"video/{codec}"
    async with (
        chromium() as browser,
        publishing_page(browser, livekit_server, room, codec) as publisher,
        watching_page(browser, livekit_server, room) as viewer,
    ):
        await until_shown(viewer, wanted, 30)
        await manager.start(StartRequest(room, "mp4"))
        await until_received(manager, room, 3 * FPS)
        _, before = await received(viewer)
        await until_shown(viewer, wanted, before + 30)
        assert await sent(publisher) == {wanted}
        row = await manager.status(room)
        assert row is not None
        assert row.figures["video"]["codec"].lower() == codec
        ended = await manager.stop(room)
    assert (ended.state, ended.error) == ("completed", None)


async def until_shown(viewer: Page, codec: str, frames: int) -> None:
    deadline, found = time.monotonic() + 20, ("", 0)
    while found[0] != codec or found[1] < frames:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.1)
        found = await received(viewer)
