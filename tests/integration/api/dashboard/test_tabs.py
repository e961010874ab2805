"""Many tabs of one browser: six connections are all that it opens to a server of HTTP/1.1."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from orchestrator.media import Stream
from tests.kit.api.memory import MemoryManager, recording
from tests.kit.api.serving import Served

pytestmark = pytest.mark.real_time

TABS = 8


async def test_tabs_share_one_connection(
    manager: MemoryManager, served: Served, browser: Browser
) -> None:
    manager.directory.streams = [Stream("coin-1", "livekit", name="Example Coin")]
    async with served(manager) as url:
        context = await browser.new_context()
        tabs = [await opened(await context.new_page(), url) for _ in range(TABS)]
        assert await clients(url) == 1
        await tabs[-1].get_by_role("button", name="Record Example Coin").click()
        for tab in tabs:
            await expect(tab.locator(".running > li")).to_have_count(1)
        # It survives any tab's closing: the first's, which began it, and all but the last's.
        for tab in tabs[:-1]:
            await tab.close()
        manager.rows.append(recording("late"))
        await expect(tabs[-1].locator(".running > li")).to_have_count(2)
        await tabs[-1].get_by_role("button", name="Stop recording").first.click()
        await expect(tabs[-1].locator(".running > li")).to_have_count(1)
        again = await opened(await context.new_page(), url)
        await expect(again.locator(".running > li")).to_have_count(1)
        assert await clients(url) == 1
        await context.close()


@pytest.mark.all_only
async def test_without_shared_workers_each_tab_has_its_own(
    manager: MemoryManager, served: Served, browser: Browser
) -> None:
    async with served(manager) as url:
        context = await browser.new_context()
        await context.add_init_script("delete globalThis.SharedWorker")
        tabs = [await opened(await context.new_page(), url) for _ in range(2)]
        assert await clients(url) == 2
        manager.rows.append(recording("late"))
        for tab in tabs:
            await expect(tab.locator(".running > li")).to_have_count(1)
        await context.close()


async def clients(url: str) -> int:
    """Connections for live events, as the server counts them."""
    async with httpx.AsyncClient() as client:
        metrics = (await client.get(f"{url}/metrics")).text
    (line,) = re.findall(r"^haven_event_clients ([0-9.]+)$", metrics, re.MULTILINE)
    return int(float(line))


async def opened(page: Page, url: str) -> Page:
    await page.goto(f"{url}/dashboard/")
    await expect(page.get_by_role("status").get_by_text("Ready")).to_be_visible()
    return page
