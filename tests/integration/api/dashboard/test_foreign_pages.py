"""What pages of other origins can do to their visitor's recorder, in a real Chromium: nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser, Page

from orchestrator.media import Stream
from orchestrator.settings import Settings
from tests.kit.api.callers import ELECTRON
from tests.kit.api.memory import MINT, MemoryManager, recording
from tests.kit.api.serving import Served

pytestmark = [pytest.mark.timeout(120), pytest.mark.real_time]

HERE: Final = Path(__file__).parent / "foreign"
TRIES: Final = (HERE / "tries.js").read_text().replace("MINT", MINT).replace("ELECTRON", ELECTRON)
FRAME: Final = (HERE / "frame.html").read_bytes()
"""A page with a sandboxed frame, whose origin is `null`."""

Tried = dict[str, str]


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(FRAME)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + FRAME)
    await writer.drain()
    writer.close()


@pytest.fixture
async def elsewhere() -> AsyncIterator[int]:
    """The port of another server on this machine, with a page of its own."""
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def manager_of(settings: Settings, **changes: Any) -> MemoryManager:
    made = MemoryManager(settings.model_copy(update=changes))
    made.directory.streams = [Stream(MINT, "pumpfun")]
    made.rows.append(recording("running", id="running"))
    made.rows.append(recording("ended", id="ended", state="completed"))
    return made


@asynccontextmanager
async def trying(
    browser: Browser, url: str, page_url: str, agent: str | None = None
) -> AsyncIterator[Callable[[str], Awaitable[Tried]]]:
    """What one page can do, by itself or from a sandboxed frame in it."""
    context = await browser.new_context(user_agent=agent)
    page = await context.new_page()
    await page.goto(page_url)

    async def tried(where: str) -> Tried:
        made: Tried
        if where == "frame":
            made = await page.evaluate("([tries, base]) => fromSandbox(tries, base)", [TRIES, url])
        else:
            made = await page.evaluate(TRIES, url)
        return made

    yield tried
    await context.close()


@pytest.mark.parametrize("desktop_app", [pytest.param(False, marks=pytest.mark.all_only), True])
async def test_foreign_pages_can_do_nothing(
    settings: Settings, served: Served, browser: Browser, elsewhere: int, desktop_app: bool
) -> None:
    """Neither a page of another site, nor one of another port here, nor a sandboxed frame."""
    manager = manager_of(settings, desktop_app=desktop_app)
    directory = await manager.output_directory()
    async with served(manager) as url:
        for host in ("localhost", "127.0.0.1"):
            async with trying(browser, url, f"http://{host}:{elsewhere}/") as tried:
                for where in ("page", "frame"):
                    answers = await tried(where)
                    assert set(answers.values()) == {"nothing"}, (host, where, answers)
    assert manager.requests == []
    assert [row.id for row in await manager.active()] == ["running"]
    assert len(manager.rows) == 2
    assert await manager.output_directory() == directory


async def test_the_app_can_use_its_own_routes_and_no_more(
    settings: Settings, served: Served, browser: Browser, elsewhere: int
) -> None:
    """The same tries, with what Electron says of itself."""
    manager = manager_of(settings, desktop_app=True)
    async with (
        served(manager) as url,
        trying(browser, url, f"http://localhost:{elsewhere}/", ELECTRON) as tried,
    ):
        answers = await tried("frame")
    read = {name for name, came in answers.items() if came == "read"}
    assert read >= {"start", "stop", "tick", "status"}
    for name in ("delete", "settings", "history", "token", "viewing", "file", "preview", "events"):
        assert answers[name] == "nothing", answers
    assert {request.stream_id for request in manager.requests} == {MINT}
    assert len(manager.rows) == 3, "nothing was deleted"


async def framed(page: Page, address: str) -> str:
    """What a frame on the page has come to that was asked to show the address."""
    frame = await page.evaluate_handle(
        """address => {
          const frame = document.createElement("iframe");
          frame.src = address;
          document.body.append(frame);
          return frame;
        }""",
        address,
    )
    element = frame.as_element()
    assert element is not None
    shown = await element.content_frame()
    assert shown is not None
    async with asyncio.timeout(30):
        while shown.url in ("", "about:blank"):
            await asyncio.sleep(0.02)
    return shown.url


async def test_nothing_of_ours_can_be_framed(
    settings: Settings, served: Served, browser: Browser, elsewhere: int
) -> None:
    async with served(MemoryManager(settings)) as url:
        context = await browser.new_context()
        page = await context.new_page()
        for path in ("/docs", "/dashboard/", "/api/health", "/"):
            await page.goto(f"http://localhost:{elsewhere}/")
            assert await framed(page, url + path) == "chrome-error://chromewebdata/", path
            # A link to a page of ours works, wherever it stands.
            await page.evaluate("address => { location.href = address }", url + path)
            await page.wait_for_url(f"{url}/**")
            opened = path != "/api/health"
            assert ("forbidden" not in await page.content()) is opened
        await context.close()
