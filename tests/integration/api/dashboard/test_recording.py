"""Start, watch, stop, play back and delete, on a page that stays open while the server restarts."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from orchestrator.discovery.demo.discovery import DemoServer
from tests.integration.api.dashboard.conftest import IMAGES, TIMEOUT_MS, OpenPage, snap
from tests.kit.recordings.machine import Machine

pytestmark = [pytest.mark.timeout(280), pytest.mark.real_time]

SHOWN_S = 100 if IMAGES else 3
"""How long is recorded: for the documentation until the charts have something to show."""


async def recorded(page: Page, seconds: int) -> None:
    """Waits until the card's clock says so; it counts minutes, too."""
    clock = page.locator(".running [data-part=time]")
    await expect(clock).to_contain_text(":")
    async with asyncio.timeout(90 + seconds):
        while _seconds(await clock.inner_text()) < seconds:
            await asyncio.sleep(0.1)


def _seconds(clock: str) -> int:
    minutes, _, seconds = clock.rpartition(":")
    return 60 * int(minutes or 0) + int(seconds)


async def plays(page: Page) -> float:
    """The length of the film in the page's player, once it has moved on."""
    video = page.locator("video")
    await expect(video).to_be_visible()
    await reached(video, "video => video.currentTime > 0.3")
    assert await video.evaluate("video => video.videoWidth") == 1280
    return float(await video.evaluate("video => video.duration"))


async def reached(element: Locator, condition: str) -> None:
    """Waits until it is so; the page's own policy forbids what Playwright has for that."""
    async with asyncio.timeout(TIMEOUT_MS / 1000):
        while not await element.evaluate(condition):
            await asyncio.sleep(0.05)


async def seeks(page: Page) -> None:
    """To its middle, which the server has to send a part of the file for."""
    video = page.locator("video")
    await video.evaluate("video => { video.currentTime = video.duration / 2 }")
    await reached(video, "video => !video.seeking && video.currentTime >= video.duration / 2")


async def test_from_start_to_play_back(tmp_path: Path, open_page: OpenPage) -> None:
    machine = Machine(tmp_path)
    machine.settings["LEAVE_RECORDINGS_RUNNING"] = "true"
    if IMAGES:  # with the limits that people have
        del machine.settings["CPU_LIMIT"], machine.settings["DISK_RESERVE_BYTES"]
    demo = await DemoServer.start()  # it has to outlive the first server
    machine.settings["DEMO_URL"] = demo.url
    try:
        async with machine.serving() as server:
            page = await open_page(f"{server.url}/")
            assert page.url == f"{server.url}/dashboard/"
            await record_and_watch(page)
            await server.end(signal.SIGTERM)
        await expect(page.get_by_text("Connection lost")).to_be_visible()
        async with machine.serving(server.port) as server:
            await stop_and_play(page)
            await record_another_format(page)
            await delete_both(page)
            await server_knows_nothing_more(page)
            await server.end(signal.SIGTERM)
    finally:
        await demo.stop()
    await machine.until_nothing_is_left()


async def record_and_watch(page: Page) -> None:
    """AV1: what is measured appears, and a preview of what is recorded."""
    await page.get_by_role("button", name="Record Demo").click()
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Demo"))
    await expect(card.get_by_text("REC", exact=True)).to_be_visible()
    await expect(card.get_by_role("img", name="Live preview of Demo")).to_be_visible()
    await recorded(page, SHOWN_S)
    await expect(card.locator(".processes")).to_contain_text("ffmpeg")
    await expect(card.locator("dl")).to_contain_text(re.compile(r"Speed\d\.\d\d"))
    await snap(page, "live")


async def stop_and_play(page: Page) -> None:
    """The page comes back by itself, and the same recording goes on."""
    await expect(page.get_by_text("Connection lost")).not_to_be_visible()
    await recorded(page, SHOWN_S + 1)
    await page.get_by_role("button", name="Stop recording Demo").click()
    await expect(page.get_by_text("Demo is saved")).to_be_visible()
    await expect(page.get_by_text("Nothing is being recorded")).to_be_visible()
    await page.get_by_role("link", name="Recordings").click()
    await expect(page.locator(".library img")).to_be_visible()
    await page.get_by_role("button", name="Play Demo").click()
    assert await plays(page) >= SHOWN_S
    await seeks(page)
    await expect(page.locator("dialog").get_by_text("Whole", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Close").click()


async def record_another_format(page: Page) -> None:
    """H.264 in MP4, chosen on the page."""
    await page.get_by_role("link", name="Live", exact=True).click()
    await page.get_by_label("Format").select_option("mp4")
    await expect(page.get_by_label("Pipeline")).to_have_value("mp4")
    await page.get_by_role("button", name="Record Demo").click()
    await recorded(page, 2)
    await page.get_by_role("button", name="Stop recording Demo").click()
    await page.get_by_role("link", name="Recordings").click()
    newest = page.locator(".library > li").filter(has_text="MP4")
    await newest.get_by_role("button", name="Play Demo").click()
    assert await plays(page) >= 2
    await page.get_by_role("button", name="Close").click()


async def delete_both(page: Page) -> None:
    """Only after the question."""
    rows = page.locator(".library > li")
    await expect(rows).to_have_count(2)
    await page.get_by_role("button", name="Delete Demo").first.click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(rows).to_have_count(2)
    for left in (1, 0):
        await page.get_by_role("button", name="Delete Demo").first.click()
        await page.get_by_role("button", name="Delete", exact=True).click()
        await expect(rows).to_have_count(left)


async def server_knows_nothing_more(page: Page) -> None:
    """Gone for the server, not only from the page."""
    await expect(page.get_by_text("No recordings yet")).to_be_visible()
    listed = await page.evaluate("fetch('/api/recordings').then(answer => answer.json())")
    assert listed["total"] == 0
