"""The player: a recording that runs is watched live and from its beginning, or said why not."""

from __future__ import annotations

import asyncio
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from orchestrator.catalog.store import Catalog
from orchestrator.server.hls.recordings import HlsRecordings
from tests.integration.api.dashboard.conftest import TIMEOUT_MS, OpenPage, faults
from tests.kit.api.memory import MemoryManager, recording
from tests.kit.api.serving import Served
from tests.kit.mediafiles.fragmented import X264, encode_command
from tests.kit.pages.hls_pieces import GrowingHls, make_pieces
from tests.kit.recordings.hls import ID, add_output, add_segment, begin

pytestmark = pytest.mark.real_time

SECONDS = 40
TITLE = "Example Coin"


@pytest.fixture
async def hls(tmp_path: Path) -> GrowingHls:
    await make_pieces(tmp_path, SECONDS)
    return GrowingHls(tmp_path, SECONDS, there=12)


@pytest.fixture
def runs(manager: MemoryManager) -> None:
    manager.rows.append(recording("coin-1", id="r1", figures_at=datetime.now(UTC)))


async def until(element: Locator, condition: str) -> None:
    """Waits until it is so; the page's own policy forbids what Playwright has for that."""
    async with asyncio.timeout(TIMEOUT_MS / 1000):
        while not await element.evaluate(condition):
            await asyncio.sleep(0.05)


async def watched(page: Page) -> Locator:
    await page.get_by_role("button", name=f"Watch {TITLE}").click()
    return page.locator("dialog video")


@pytest.mark.usefixtures("runs")
async def test_a_running_recording_is_watched_live_and_from_its_beginning(
    manager: MemoryManager, served: Served, open_page: OpenPage, hls: GrowingHls
) -> None:
    async with served(manager) as url:
        page = await open_page(f"{url}/dashboard/")
        assert not any("vendor/hls" in address for address in await loaded(page))
        await hls.answer_in(page)
        video = await watched(page)
        await until(video, "video => video.currentTime > 5 && !video.paused")
        assert any("vendor/hls" in address for address in await loaded(page))
        live = page.get_by_role("button", name=re.compile("^Live, [0-9]+ seconds behind"))
        await expect(live).to_be_visible()
        assert await faults(page) == []
        await to_the_beginning(page, video, hls)
        await page.get_by_role("button", name=re.compile("^Go live, 0:[0-9]+ behind")).click()
        await expect(live).to_be_visible()
        await until(video, "video => video.currentTime > 9")
        await it_ends(manager, page, video, hls)


async def loaded(page: Page) -> list[str]:
    """The addresses of all that the page has loaded."""
    got: list[str] = await page.evaluate(
        "performance.getEntriesByType('resource').map(entry => entry.name)"
    )
    return got


async def to_the_beginning(page: Page, video: Locator, hls: GrowingHls) -> None:
    """By keyboard; the slider says where it is and how far behind live."""
    slider = page.get_by_role("slider", name="Time")
    await slider.focus()
    await page.keyboard.press("Home")
    await until(video, "video => video.currentTime < 3 && !video.seeking && video.readyState > 2")
    assert "0.m4s" in hls.asked
    await expect(slider).to_have_attribute(
        "aria-valuetext", re.compile("^0:0[0-9] of 0:[0-9]+, [0-9]+ seconds behind live$")
    )
    before = await video.evaluate("video => video.currentTime")
    await page.keyboard.press("ArrowRight")
    await until(video, f"video => video.currentTime > {before + 4} && video.currentTime < 11")


async def it_ends(manager: MemoryManager, page: Page, video: Locator, hls: GrowingHls) -> None:
    """What is watched goes on to its end, without a live button; the dialog stays."""
    hls.ended = True
    await manager.stop("coin-1")
    await expect(page.locator(".live-button")).to_have_count(0)
    await page.get_by_role("slider", name="Time").focus()
    await page.keyboard.press("End")
    await until(video, f"video => video.ended || video.currentTime > {SECONDS - 2}")
    await expect(page.get_by_text("Nothing is being recorded")).to_have_count(1)


@pytest.mark.all_only
@pytest.mark.usefixtures("runs")
async def test_what_can_not_be_played_is_said_in_words(
    manager: MemoryManager, served: Served, open_page: OpenPage, hls: GrowingHls
) -> None:
    async with served(manager) as url:
        page = await open_page(f"{url}/dashboard/")
        await hls.answer_in(page)
        hls.codecs = "vp08.00.10.08,opus"
        await watched(page)
        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text("This browser can't play VP8.")
        assert await faults(page) == []
        await page.get_by_role("button", name="Close").click()
        hls.refusal = {
            "error": "VP8 has no HLS",
            "detail": "VP8 has no HLS. Play the file once it is final.",
            "code": "hls_unavailable",
        }
        await watched(page)
        await expect(alert).to_contain_text("VP8 has no HLS. Play the file once it is final.")
        hls.refusal["code"], hls.codecs = "hls_not_ready", GrowingHls.codecs
        await page.get_by_role("button", name="Close").click()
        video = await watched(page)
        await expect(alert).to_be_visible()
        hls.refusal = None
        await until(video, "video => video.currentTime > 1")
        await expect(alert).to_have_count(0)


_CATCH_UP = """
async (path) => {
  const { playHls } = await import('/dashboard/scripts/hls_playback.js');
  const video = document.createElement('video');
  video.muted = true;
  document.body.append(video);
  const player = playHls(video, path, () => {});
  const wait = () => new Promise((done) => setTimeout(done, 50));
  while (!(player.place() && video.buffered.length)) await wait();
  await video.play();
  video.currentTime = player.place().end - 6;
  let rate = 0;
  for (let n = 0; n < 100 && rate <= 1.1; n++) {
    await wait();
    rate = Math.max(rate, video.playbackRate);
  }
  player.end();
  return rate;
}
"""


@pytest.mark.all_only
async def test_what_is_behind_live_in_parts_is_played_faster(
    manager: MemoryManager, served: Served, open_page: OpenPage, catalog: Catalog, tmp_path: Path
) -> None:
    path = tmp_path / "0001.mp4"
    command = encode_command(path, 20, *X264)
    command[-2:-2] = ["-force_key_frames", "expr:gte(t,n_forced*2)", "-frag_duration", "333333"]
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=60)
    await begin(catalog, tmp_path)
    await add_output(catalog, low_latency=True)
    await add_segment(catalog, 1, path)
    manager.hls = HlsRecordings(catalog)
    async with served(manager) as url:
        page = await open_page(f"{url}/dashboard/")
        rate = await page.evaluate(_CATCH_UP, f"/api/recordings/{ID}/hls/master.m3u8")
        await page.close()
    assert rate == 1.5
