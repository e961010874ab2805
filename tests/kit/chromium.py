"""A real Chromium for tests: Debian's package `chromium`, or any other on the PATH."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser, async_playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")

CELLS: Final = 20
"""Bars of `tests.kit.signals.codes`."""

_PLAY: Final = """
async ([data, type, seeks, cells]) => {
  const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
  const video = document.createElement('video');
  const canvas = document.createElement('canvas');
  const drawing = canvas.getContext('2d', {willReadFrequently: true});
  const shown = [], problems = [];
  const frame = (time) => {
    const width = canvas.width = video.videoWidth, height = canvas.height = video.videoHeight;
    drawing.drawImage(video, 0, 0);
    const row = drawing.getImageData(0, Math.floor(height / 8), width, 1).data;
    const bar = n => row[4 * Math.floor((n + 0.5) * width / cells)] > 128;
    let code = 0;
    for (let bit = 0; bit < cells - 4; bit++) code |= bar(2 + bit) << bit;
    return [time, width, height, code];
  };
  const next = (_, told) => {
    shown.push([told.mediaTime, told.width, told.height]);
    video.requestVideoFrameCallback(next);
  };
  video.onerror = () => problems.push(video.error.message);
  video.muted = true;
  video.src = URL.createObjectURL(new Blob([bytes], {type}));
  document.body.append(video);
  video.requestVideoFrameCallback(next);
  await video.play();
  await new Promise((done) => { video.onended = video.onerror = done; });
  if (video.error) problems.push(video.error.message);
  const sought = [];
  for (const at of seeks) {
    const there = new Promise((done) => video.requestVideoFrameCallback((_, told) => done(told)));
    const late = (ms) => new Promise((done) => setTimeout(done, ms));
    video.currentTime = at;
    const told = await Promise.race([there, late(5000)]);
    // The element's own size may follow the frame's a moment later.
    for (let n = 0; n < 100 && told && video.videoWidth !== told.width; n++) await late(20);
    sought.push(frame(at));
  }
  if (video.error) problems.push(video.error.message);
  return {shown, sought, problems};
}
"""


@dataclass(frozen=True, slots=True)
class Played:
    """What the browser showed of a file."""

    shown: list[tuple[float, int, int]]
    """Each frame that was shown: time, width, height."""
    sought: list[tuple[float, int, int, int]]
    """Time, width, height and number of the frame where it was sent to."""
    problems: list[str]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser of its own; the test is skipped where there is none."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium: apt-get install chromium, and this is tested too")
    async with async_playwright() as playwright:
        # Chromium refuses to run in its sandbox as root, which is what many containers have.
        browser = await playwright.chromium.launch(
            executable_path=path, chromium_sandbox=os.getuid() != 0
        )
        yield browser
        await browser.close()


async def play(browser: Browser, path: Path, mime_type: str, *seeks: float) -> Played:
    """Plays a file with numbered frames to its end, then goes to these places, in seconds."""
    page = await browser.new_page()
    data = base64.b64encode(path.read_bytes()).decode()
    found: dict[str, Any] = await page.evaluate(_PLAY, [data, mime_type, [*seeks], CELLS])
    await page.close()
    return Played(
        [tuple(each) for each in found["shown"]],
        [tuple(each) for each in found["sought"]],
        found["problems"],
    )
