"""What the dashboard costs and how quick it is: `./scripts/bench dashboard`.

Records the demo stream for a minute, at first without a page, then with one open; needs Chromium.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import psutil
from playwright.async_api import Browser, Page, async_playwright

from tests.kit.recordings.machine import Machine, ServerProcess

SPAN_S: Final = 30.0
LOADS: Final = 5
FIRST_PAINT: Final = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


async def main() -> None:
    """Measures, and prints a line for each figure."""
    chromium = shutil.which("chromium") or sys.exit("There is no chromium on the PATH.")
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder))
        async with machine.serving() as server, async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox"]
            )
            await _measure(server, browser)
            await browser.close()
            await server.post("/api/recording/stop", mint_id="demo")


async def _measure(server: ServerProcess, browser: Browser) -> None:
    page = await browser.new_page()
    print(f"first paint: {[f'{ms:.0f} ms' for ms in await _first_paints(page, server.url)]}")
    print(f"a change is shown after {1000 * await _change(page, server):.0f} ms")
    await page.close()
    alone = await _cores(server)
    page = await browser.new_page()
    await page.goto(f"{server.url}/dashboard/")
    await page.wait_for_selector(".running img")
    watched = await _cores(server)
    for name, before in alone.items():
        print(f"{name}: {before:.4f} cores, with a page {watched[name]:.4f}")


async def _first_paints(page: Page, url: str) -> list[float]:
    """From the request on; the first load finds nothing in the browser's cache."""
    found = []
    for _ in range(LOADS):
        await page.goto("about:blank")
        await page.goto(f"{url}/dashboard/")
        await page.wait_for_selector(".streams strong")
        found.append(float(await page.evaluate(FIRST_PAINT)))
    return found


async def _change(page: Page, server: ServerProcess) -> float:
    """From the moment the API tells of a new recording until the page shows it."""
    shown = asyncio.create_task(page.wait_for_selector(".running li"))
    started = asyncio.create_task(server.start("demo", "av1"))
    while not (await server.get("/api/recording/active"))["count"]:  # noqa: ASYNC110 - over HTTP
        await asyncio.sleep(0.02)
    began_s = time.monotonic()
    await shown
    taken_s = time.monotonic() - began_s
    await started
    return taken_s


async def _cores(server: ServerProcess) -> dict[str, float]:
    """What the server and the recording's worker use, over SPAN_S."""
    reported = (await server.get("/api/processes"))["processes"]
    processes = {p["role"]: psutil.Process(p["pid"]) for p in reported if p["role"] != "ffmpeg"}
    before = {role: _seconds(process) for role, process in processes.items()}
    await asyncio.sleep(SPAN_S)
    return {role: (_seconds(p) - before[role]) / SPAN_S for role, p in processes.items()}


def _seconds(process: psutil.Process) -> float:
    used: Any = process.cpu_times()
    return float(used.user + used.system)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    asyncio.run(main())
