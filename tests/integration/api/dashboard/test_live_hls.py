"""A recording that runs, watched on the page by who has signed in: how far behind the camera it is
shown, from its beginning to its end.
"""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.integration.api.dashboard.conftest import OpenPage
from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.server import Server
from tests.kit.pages.shown_frames import Camera, ShownFrames
from tests.kit.recordings.machine import Machine, ServerProcess
from tests.kit.signals.reading import read

pytestmark = [
    pytest.mark.livekit,
    pytest.mark.real_time,
    pytest.mark.all_only,
    pytest.mark.timeout(400),
]

KEY = "key-of-the-tests"
FPS = 30
NEAR_S = 2.0
WITHIN_S = 60
KEPT_S = 15
WAITED_S = 8
"""Longer than the page waits until it goes to live by itself."""
AWAY_S = 12
"""How long the browser has no network."""


async def test_a_recording_is_watched_two_seconds_behind_live(
    tmp_path: Path, livekit_server: Server, open_page: OpenPage
) -> None:
    (folder := tmp_path / "machine").mkdir()
    machine, camera = Machine(folder, livekit_server), Camera(FPS)
    machine.settings |= {"API_KEY": KEY, "START_TIMEOUT_S": "60"}
    options = ("--size", "320x180", "--video", "h264", "--guests", "2")
    async with (
        publishing(livekit_server, "live", *options, "--began", str(camera.began_s)),
        machine.serving() as server,
    ):
        id = await begin(server)
        page = await watching(open_page, server.url)
        video = page.locator("dialog video")
        shown = ShownFrames(video, camera)
        await shown.follow()
        await comes_near(shown, "at first")
        before = await stays_near(shown)
        first = await at_the_beginning(page, shown, before)
        await page.get_by_role("button", name="Go live").click()
        await comes_near(shown, "live again")
        await page.context.set_offline(True)
        await asyncio.sleep(AWAY_S)
        await page.context.set_offline(False)
        await comes_near(shown, "the network is back")
        await server.post("/api/recording/stop", mint_id="live")
        row = await server.until_ended(id)
        last = (await shown.until_ended(within_s=WITHIN_S))[-1].number
        await server.end(signal.SIGTERM)
    numbers = read(Path(row["output_path"])).numbers
    assert first == numbers[0], "the first frame is shown"
    assert last == numbers[-1], "and the last one"


async def begin(server: ServerProcess) -> str:
    """A recording with low latency; its id."""
    server.client.headers["X-API-Key"] = KEY
    output = {"type": "hls", "low_latency": True}
    answer = await server.ask_to_start("live", pipeline="mp4", outputs=[output])
    assert answer.status_code == 200, answer.text
    (listed,) = (await server.get("/api/recordings?state=recording"))["recordings"]
    return str(listed["id"])


async def watching(open_page: OpenPage, url: str) -> Page:
    """The page's player, which a session's cookie gives the recording to."""
    page = await open_page(f"{url}/dashboard/")
    await page.get_by_label("API key").fill(KEY)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Watch live").click()
    await expect(page.locator("dialog video")).to_be_visible()
    return page


async def comes_near(shown: ShownFrames, what: str) -> None:
    """Within a minute."""
    began_s = time.monotonic()
    behind_s = await shown.until_near(NEAR_S, within_s=WITHIN_S)
    print(f"{what}: {behind_s:.2f} s behind after {time.monotonic() - began_s:.1f} s")


async def stays_near(shown: ShownFrames) -> int:
    """Nine of ten frames: the machine may be busy for a moment. The last one's number."""
    frames = await shown.during(KEPT_S)
    behind = sorted(each.behind_s for each in frames)
    print(f"then {behind[len(behind) // 2]:.2f} s, from {behind[0]:.2f} to {behind[-1]:.2f}")
    assert len(behind) > KEPT_S * FPS / 2
    assert behind[len(behind) * 9 // 10] <= NEAR_S
    return frames[-1].number


async def at_the_beginning(page: Page, shown: ShownFrames, before: int) -> int:
    """The number of the first frame that is shown there; it plays from there on."""
    await page.get_by_role("slider", name="Time").focus()
    await page.keyboard.press("Home")
    there = await shown.until(lambda each: each.number < before - KEPT_S * FPS, within_s=WITHIN_S)
    behind = [each.behind_s for each in await shown.during(WAITED_S)]
    assert min(behind) > there.behind_s - 1, "it isn't taken back to live"
    return there.number
