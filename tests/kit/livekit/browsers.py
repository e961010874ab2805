"""Browsers in a LiveKit room: real Chromium with LiveKit's own client for JavaScript."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser, Page

from tests.kit.livekit.server import Address

VERSION: Final = "2.23.0"

_PUBLISH: Final = """
async ([url, token, codec, width, height]) => {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [width, height];
  const drawing = canvas.getContext('2d');
  let number = 0;
  setInterval(() => {
    drawing.fillStyle = `hsl(${number++ % 360} 80% 50%)`;
    drawing.fillRect(0, 0, width, height);
  }, 33);
  window.room = new LivekitClient.Room();
  await room.connect(url, token);
  const [track] = canvas.captureStream(30).getVideoTracks();
  await room.localParticipant.publishTrack(track, {videoCodec: codec, source: 'camera'});
}
"""

_WATCH: Final = """
async ([url, token]) => {
  window.room = new LivekitClient.Room();
  const came = new Promise((done) => room.on('trackSubscribed', done));
  await room.connect(url, token);
  window.track = await came;
  document.body.append(track.attach());
}
"""

_RECEIVED: Final = """
async () => {
  const stats = [...(await window.track.receiver.getStats()).values()];
  const inbound = stats.find((each) => each.type === 'inbound-rtp');
  const codec = stats.find((each) => each.id === inbound?.codecId);
  return [codec?.mimeType ?? '', inbound?.framesDecoded ?? 0];
}
"""

_SENT: Final = """
async () => {
  const senders = window.room.engine.pcManager.publisher.getSenders();
  const stats = await Promise.all(senders.map((each) => each.getStats()));
  const all = stats.flatMap((each) => [...each.values()]);
  const outbound = all.filter((each) => each.type === 'outbound-rtp' && each.active);
  return outbound.map((each) => all.find((codec) => codec.id === each.codecId)?.mimeType ?? '');
}
"""


def client(name: str = "livekit-client.umd.js") -> Path:
    """A file of LiveKit's client; the test is skipped where there is none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = cache / "haven-recorder" / f"livekit-client-{VERSION}" / name
    if not found.exists():
        pytest.skip("no LiveKit client for browsers: ./scripts/livekit-client gets it, with npm")
    return found


@asynccontextmanager
async def publishing_page(
    browser: Browser, server: Address, room: str, codec: str
) -> AsyncIterator[Page]:
    """Publishes a canvas as a camera, with what else the client does by default."""
    token = server.token(room, "browser", publish=True)
    async with _page(browser, server, _PUBLISH, [token, codec, 960, 540]) as page:
        yield page


@asynccontextmanager
async def watching_page(browser: Browser, server: Address, room: str) -> AsyncIterator[Page]:
    """Shows the first track of the room."""
    token = server.token(room, "viewer", publish=True)
    async with _page(browser, server, _WATCH, [token]) as page:
        yield page


async def received(page: Page) -> tuple[str, int]:
    """The codec that a watching page gets, and how many frames of it were decoded."""
    codec, frames = await page.evaluate(_RECEIVED)
    return codec.lower(), frames


async def sent(page: Page) -> set[str]:
    """The codecs that a publishing page sends."""
    return {each.lower() for each in await page.evaluate(_SENT)}


@asynccontextmanager
async def _page(
    browser: Browser, server: Address, script: str, arguments: list[Any]
) -> AsyncIterator[Page]:
    page = await browser.new_page()
    # A page of the server's own: others may not reach addresses of this machine.
    await page.goto(server.url.replace("ws:", "http:"))
    await page.add_script_tag(path=client())
    await page.evaluate(script, [server.url, *arguments])
    try:
        yield page
    finally:
        await page.evaluate("() => window.room.disconnect()")
        await page.close()
