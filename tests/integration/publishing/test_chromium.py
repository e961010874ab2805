"""A web page that publishes by WHIP from a real Chromium, recorded as it comes."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.kit.chromium import chromium
from tests.kit.recordings.copied import decode_errors
from tests.kit.recordings.machine import Machine
from tests.kit.signals.reading import read
from tests.kit.whip.browser import publish_page
from tests.kit.whip.publishing import taking, until_live

pytestmark = pytest.mark.real_time


@pytest.mark.parametrize(
    ("codec", "recorded"),
    [
        ("video/VP8", "vp8"),
        pytest.param("video/H264", "h264", marks=pytest.mark.all_only),
        pytest.param("video/VP9", "vp9", marks=pytest.mark.all_only),
        pytest.param("video/AV1", "av1", marks=pytest.mark.all_only),
    ],
)
async def test_a_page_publishes(tmp_path: Path, codec: str, recorded: str) -> None:
    machine = Machine(tmp_path)
    taking(machine, "page")
    async with machine.serving() as server, chromium() as browser:
        page = await publish_page(browser, server.url, "page", codec)
        if page.found["missing"]:
            pytest.skip(f"this Chromium doesn't send {codec}")
        assert page.found["status"] == 201
        assert str(page.found["location"]).startswith("/whip/page/")
        assert page.found["etag"]
        await until_live(machine, "page")
        id = await server.start_copy("page")
        await server.until_recorded(id, 3)
        answer = await server.post("/api/recording/stop", mint_id="page")
        assert await page.leave() == 200
        await until_live(machine, "page", live=False)
        await server.end(signal.SIGTERM)
    reading = read(Path(answer["final_path"]))
    assert (reading.video_codec, reading.audio_codec) == (recorded, "opus")
    assert reading.size == (640, 360)
    assert len(reading.numbers) > 40
    if recorded in ("vp8", "h264"):  # the others begin with too few bits for the small numbers
        assert reading.in_order
    assert decode_errors(Path(answer["final_path"])) == []
    assert reading.audio_gaps == 0
    await machine.until_nothing_is_left()
