"""A browser that publishes end-to-end encrypted, with LiveKit's own client for browsers.

`./scripts/livekit-client` gets LiveKit's client for browsers.
"""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Page, Route, async_playwright

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from tests.kit.chromium import NAMES
from tests.kit.livekit.browsers import client
from tests.kit.livekit.server import Server
from tests.kit.recordings.copied import decode_errors
from tests.kit.recordings.waits import FPS, until_received

pytestmark = [pytest.mark.livekit, pytest.mark.real_time, pytest.mark.all_only]

SITE: Final = "http://localhost:9/"
"""Nothing listens there: what is asked for is answered by the test."""

SCRIPTS: Final = {
    "client.js": "livekit-client.umd.js",
    "worker.js": "livekit-client.e2ee.worker.js",
}
RAW: Final = bytes(range(7, 39))
PASSPHRASE: Final = "pässword of the browser"

PUBLISH: Final = """
async ([url, token, passphrase, raw, codec]) => {
  const {ExternalE2EEKeyProvider, Room} = LivekitClient;
  const keyProvider = new ExternalE2EEKeyProvider();
  await keyProvider.setKey(passphrase ?? Uint8Array.from(raw).buffer);
  const room = window.room = new Room({encryption: {keyProvider, worker: new Worker('worker.js')}});
  await room.setE2EEEnabled(true);
  await room.connect(url, token);
  const me = room.localParticipant;
  await me.setMicrophoneEnabled(true);
  await me.setCameraEnabled(true, undefined, {videoCodec: codec, simulcast: false});
}
"""


@asynccontextmanager
async def browser() -> AsyncIterator[Page]:
    """A page with LiveKit's client, a camera and a microphone; skipped where something lacks."""
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        pytest.skip("needs a Chromium")
    files = {name: client(file) for name, file in SCRIPTS.items()}

    async def answer(route: Route) -> None:
        script = files.get(route.request.url.removeprefix(SITE))
        if script is None:
            page = "<script src='client.js'></script>"
            await route.fulfill(body=page, content_type="text/html")
        else:
            await route.fulfill(path=script)

    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=chromium,
            chromium_sandbox=os.getuid() != 0,
            args=[
                *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
                # A page that a test answers is a stranger to this machine's servers.
                "--disable-features=LocalNetworkAccessChecks",
            ],
        )
        page = await running.new_page()
        await page.context.route(f"{SITE}**", answer)
        await page.goto(SITE)
        yield page
        await running.close()


@pytest.mark.parametrize("codec", ["vp8", "h264", "vp9"])
@pytest.mark.parametrize("how", ["passphrase", "bytes"])
async def test_a_browser_that_encrypts_is_recorded(
    manager: Manager, livekit_server: Server, how: str, codec: str
) -> None:
    room = f"e2ee browser {how} {codec}"
    passphrase = PASSPHRASE if how == "passphrase" else None
    key = base64.b64encode(RAW) if passphrase is None else None
    keys = E2eeKeys.model_validate({"passphrase": passphrase, "key": key})
    token = livekit_server.token(room, "browser", publish=True)
    async with browser() as page:
        await page.evaluate(PUBLISH, [livekit_server.url, token, passphrase, [*RAW], codec])
        await manager.start(StartRequest(room, pipeline="copy", e2ee=keys))
        await until_received(manager, room, 3 * FPS)
        ended = await manager.stop(room)
    source, path = ended.figures["source"], Path(ended.output_path)
    assert source["frames_undecryptable"] == 0
    assert decode_errors(path) == []
    assert ended.figures["video"]["codec"].lower() == codec
