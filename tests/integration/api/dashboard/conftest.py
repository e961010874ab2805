"""The dashboard in a real Chromium."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page, Request, expect

from tests.kit.chromium import chromium

SERIOUS: Final = ("serious", "critical")
TIMEOUT_MS: Final = 30_000
IMAGES: Final = os.environ.get("HAVEN_SCREENSHOTS")
"""Folder for the documentation's screenshots; they are taken only if it is set."""

expect.set_options(timeout=TIMEOUT_MS)

OpenPage = Callable[..., Awaitable[Page]]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A Chromium of its own for the test."""
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    """Opens a page; at the end nothing may have gone wrong in it, or been loaded from elsewhere."""
    wrong: list[str] = []

    async def opened(url: str, *, dark: bool = False, width: int = 1280) -> Page:
        context = await browser.new_context(
            viewport={"width": width, "height": 860}, color_scheme="dark" if dark else "light"
        )
        context.set_default_timeout(TIMEOUT_MS)
        page = await context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.extend(_problem(message)))
        page.on("request", lambda request: wrong.extend(_foreign(request, url)))
        await page.goto(url)
        return page

    yield opened
    assert wrong == []


def _problem(message: ConsoleMessage) -> list[str]:
    """What a script or the Content-Security-Policy complains about.

    That an answer is an error (or that the server is away) Chromium tells too; tests know of it.
    """
    expected = message.text.startswith("Failed to load resource")
    return [message.text] if message.type in ("error", "warning") and not expected else []


def _foreign(request: Request, url: str) -> list[str]:
    ours = request.url.startswith((url.partition("/dashboard")[0], "blob:"))
    return [] if ours else [f"loaded from elsewhere: {request.url}"]


async def faults(page: Page) -> list[str]:
    """What axe-core finds that keeps somebody from using the page."""
    found = (await Axe().run(page)).response["violations"]
    return [
        f"{one['id']}: {node['html']} {node['failureSummary']}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


async def snap(page: Page, name: str) -> None:
    """A screenshot for the documentation, if it was asked for."""
    if IMAGES:
        await page.set_viewport_size({"width": 1280, "height": 760})
        await page.screenshot(path=Path(IMAGES) / f"dashboard-{name}.png")
