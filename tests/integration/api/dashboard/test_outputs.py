"""Outputs and images in the page: asked for, added, seen to fail, tried again, removed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect
from pydantic import SecretStr

from orchestrator.catalog.models import File
from orchestrator.media import Stream
from orchestrator.outputs.specs import UploadOutput, plain
from tests.integration.api.dashboard.conftest import OpenPage, faults
from tests.kit.api.memory import STARTED, MemoryManager, recording
from tests.kit.api.memory_webhooks import delivery
from tests.kit.api.serving import Served
from tests.kit.mediafiles.synthetic import Film, VideoTrack, times
from tests.kit.pages.sprites import answer_sprites

pytestmark = pytest.mark.real_time


@pytest.fixture(autouse=True)
def rows(manager: MemoryManager, tmp_path: Path) -> None:
    film = Film(tmp_path / "film.mp4", "mp4", VideoTrack(times(16))).write()
    manager.directory.streams = [Stream("coin-1", "pumpfun", name="Example Coin")]
    size = film.stat().st_size
    done = {"state": "completed", "duration_s": 16.0, "size_bytes": size, "ended_at": STARTED}
    manager.rows.append(recording("done", id="a1", output_path=str(film), **done))


@pytest.mark.all_only
async def test_they_are_asked_for_at_a_start(
    manager: MemoryManager, served: Served, open_page: OpenPage
) -> None:
    async with served(manager) as url:
        page = await open_page(f"{url}/dashboard/")
        await page.get_by_text("Outputs and web hooks", exact=True).click()
        await page.get_by_label("HLS", exact=True).check()
        await page.get_by_label("Low latency").check()
        await page.get_by_label("Images", exact=True).check()
        await page.get_by_label("Seconds from one to the next").fill("30")
        await page.get_by_label("Push", exact=True).check()
        await page.get_by_label("Address with its stream key").fill("rtmp://a.example/app/geheim")
        await page.get_by_role("button", name="Add web hook").click()
        await page.get_by_role("button", name="Add web hook").click()
        await page.get_by_label("URL of web hook 2").fill("https://b.example/geheim")
        await page.get_by_label("Key it is signed with").nth(1).fill("key:geheim")
        await page.get_by_label("Signature").nth(1).select_option("livekit")
        await page.get_by_role("button", name="Remove web hook 1").click()
        await expect(page.get_by_label("URL of web hook 1")).to_have_value(
            "https://b.example/geheim"
        )
        await page.get_by_label("Chat, data").select_option("keep")
        await page.get_by_label("That it is recorded").select_option("are not shown it")
        assert await faults(page) == []
        await page.get_by_role("button", name="Record Example Coin").click()
        await expect(page.get_by_text("Recording Example Coin")).to_be_visible()
        assert "geheim" not in str(await page.context.storage_state())
    (asked,) = manager.requests
    assert asked.outputs is not None
    hls, images, push = asked.outputs
    assert (hls.type, images.type, push.type) == ("hls", "images", "push")
    assert '"low_latency": true' in plain(hls)
    assert '"interval_s": 30.0' in plain(images)
    assert "rtmp://a.example/app/geheim" in plain(push)
    assert asked.webhooks is not None
    (hook,) = asked.webhooks
    assert hook.url.get_secret_value() == "https://b.example/geheim"
    assert (hook.key and hook.key.get_secret_value(), hook.signature) == ("key:geheim", "livekit")
    assert (asked.data, asked.hide_recording) == (True, True)


async def test_one_is_added_fails_and_is_tried_again(
    manager: MemoryManager, served: Served, open_page: OpenPage
) -> None:
    manager.rows.append(recording("coin-1", id="r1", figures_at=datetime.now(UTC)))
    async with served(manager) as url:
        page = await open_page(f"{url}/dashboard/")
        await page.route("**/hls/**", lambda route: route.fulfill(status=404, json=NO_HLS))
        await page.get_by_role("button", name="Pause recording Example Coin").click()
        await expect(page.get_by_text("Paused", exact=True)).to_be_visible()
        await page.get_by_role("button", name="Resume recording Example Coin").click()
        await expect(page.get_by_text("REC", exact=True)).to_be_visible()
        await page.get_by_role("button", name="Watch Example Coin").click()
        part = page.get_by_role("region", name="Outputs").first
        await expect(part).to_contain_text("Nothing but its file")
        await added(page, part)
        (row,) = manager.outputs.rows
        row.state, row.figures = "active", {"bytes": 4_711_000, "kbps": 2000.0}
        await expect(part).to_contain_text("4.7 MB sent")
        row.state, row.error, row.detail = "failed", "The key is wrong.", "Give another one."
        await expect(part.locator(".notice")).to_contain_text("The key is wrong. Give another one.")
        assert await faults(page) == []
        await part.get_by_role("button", name="Try Push to").click()
        await expect(part).to_contain_text("Waits")
        await part.get_by_role("button", name="Remove Push to").click()
        await expect(part).to_contain_text("Removed")
        assert row.state == "removed"


@pytest.mark.all_only
async def test_calls_of_web_hooks_are_listed_and_tried_again(
    manager: MemoryManager, served: Served, open_page: OpenPage
) -> None:
    manager.webhooks.rows += [delivery(1, "delivered", "a1"), delivery(2, "failed", "a1")]
    manager.webhooks.rows.append(delivery(3, "failed", "another"))
    async with served(manager) as url:
        page = await open_page(f"{url}/dashboard/#/recordings")
        await page.get_by_role("button", name="Play Example Coin").click()
        await page.get_by_text("Calls of web hooks (2)").click()
        calls = page.get_by_role("list", name="Calls of web hooks")
        failed = calls.get_by_role("listitem").first
        await expect(failed).to_contain_text("recording.finished Failed")
        await expect(failed).to_contain_text("https://hooks.example/***")
        await expect(failed).to_contain_text("HTTP 503")
        assert await faults(page) == []
        await calls.get_by_role("button", name="Try recording.finished").click()
        await expect(failed).to_contain_text("Waits")
        assert [row.state for row in manager.webhooks.rows] == ["delivered", "waiting", "failed"]
        row = manager.webhooks.rows[1]
        row.state, row.attempts = "delivered", 3
        await expect(failed).to_contain_text("Delivered")
        await expect(failed).to_contain_text("3 attempts")
        await expect(calls.get_by_role("button")).to_have_count(0)


UPLOADED = [
    {"name": "film.mp4", "part": 1, "output_id": "o1", "size_bytes": 48211733}
    | {"location": "s3://bucket/x/film.mp4"},
    {"name": "film.manifest.json", "part": None, "output_id": "o1", "size_bytes": 4711}
    | {"location": "s3://bucket/x/film.manifest.json"},
]
NO_HLS = {"error": "There is none.", "detail": "There is none.", "code": "hls_unavailable"}


async def added(page: Page, part: Locator) -> None:
    """What the server refuses is said beside the form; what it takes is shown without its key."""
    await part.get_by_role("button", name="Add output").click()
    await part.get_by_role("combobox").select_option("Upload")
    await expect(part.get_by_label("Delete the file here once")).to_be_visible()
    await part.get_by_role("combobox").select_option("Push")
    await part.get_by_label("Address with its stream key").fill("rtmp://media.example/app/geheim")
    assert await faults(page) == []
    await part.get_by_role("button", name="Add", exact=True).click()
    await expect(part).to_contain_text("rtmp://media.example/app/***")
    await expect(page.get_by_text("geheim")).to_have_count(0)


@pytest.mark.all_only
async def test_images_lead_to_their_times(
    manager: MemoryManager, served: Served, open_page: OpenPage
) -> None:
    """Small ones above the time line, larger ones in a gallery."""
    async with served(manager) as url:
        page = await open_page(f"{url}/dashboard/#/recordings")
        await answer_sprites(page)
        await page.get_by_role("button", name="Play Example Coin").click()
        await page.get_by_text("Images (3)").click()
        await page.get_by_role("button", name="Go to 0:04").click()
        slider = page.get_by_role("slider", name="Time")
        await expect(page.locator("[data-part=at]")).to_contain_text("/ 0:16")
        await expect(page.locator("[data-part=at]")).to_contain_text("0:04")
        await slider.hover()
        image = page.locator(".time-line .image")
        await expect(image).to_be_visible()
        style = await image.get_attribute("style") or ""
        assert "sidecars/film.sprite.jpg" in style
        assert "-640px 0px" in style, "the fifth: from 8 s on"
        await slider.focus()
        await page.keyboard.press("PageUp")
        await expect(page.locator("[data-part=at]")).to_contain_text("0:1")
        assert await faults(page) == []


@pytest.mark.all_only
async def test_images_lead_to_the_part_that_has_their_time(
    manager: MemoryManager, served: Served, open_page: OpenPage
) -> None:
    film = manager.rows[0].output_path
    for number, offset_s in ((1, 0.0), (2, 3.0)):
        part = {"recording_id": "a1", "number": number, "path": film, "offset_s": offset_s}
        values = {"duration_s": 16.0, "size_bytes": 1, "made_at": STARTED, "integrity": "whole"}
        manager.catalog.added.append(File(**part, **values, listed=True, position=0))
    async with served(manager) as url:
        page = await open_page(f"{url}/dashboard/#/recordings")
        await answer_sprites(page)
        await page.get_by_role("button", name="Play Example Coin").first.click()
        await page.get_by_text("Images (3)").click()
        await page.get_by_role("button", name="Go to 0:04").click()
        second = page.get_by_role("button", name=re.compile("^Part 2"))
        await expect(second).to_have_attribute("aria-pressed", "true")
        at = page.locator("[data-part=at]")
        await expect(at).to_contain_text(re.compile("^0:0[1-3] / 0:16"))
        await page.get_by_role("slider", name="Time").hover()
        image = page.locator(".time-line .image")
        style = await image.get_attribute("style") or ""
        assert "-800px 0px" in style, "the middle of the part is 11 s: the sixth, from 10 s on"
        await page.get_by_role("button", name=re.compile("^Part 1")).click()
        await expect(at).to_contain_text(re.compile("^0:0[0-9] / 0:16"))


@pytest.mark.all_only
async def test_a_file_that_is_gone_or_does_not_play(
    manager: MemoryManager, served: Served, open_page: OpenPage
) -> None:
    """Each is said; of what doesn't play HLS is tried, and here there is none. What was uploaded
    can be played from there."""
    upload = UploadOutput(type="upload", url=SecretStr("s3://bucket/x"))
    (await manager.outputs.add("a1", upload)).state = "complete"
    film = Path(manager.rows[0].output_path)
    async with served(manager) as url:
        page = await open_page(f"{url}/dashboard/#/recordings")
        await page.route("**/hls/**", lambda route: route.fulfill(status=404, json=NO_HLS))
        await page.route("**/a1/uploads", lambda route: route.fulfill(json={"files": UPLOADED}))
        film.write_bytes(b"no film" * 100)
        await page.get_by_role("button", name="Play Example Coin").click()
        said = page.locator("dialog .notice")
        await expect(said).to_contain_text("This browser can't play the file.")
        await expect(said).to_contain_text("AV1, AAC")
        await page.get_by_role("button", name="Close").click()
        film.unlink()
        await page.get_by_role("button", name="Play Example Coin").click()
        await expect(said.first).to_contain_text("not on this machine any more")
        link = page.get_by_role("link", name="Play film.mp4")
        await expect(link).to_have_attribute("href", "/api/recordings/a1/uploads/film.mp4")
        await expect(page.get_by_label("Uploaded files")).to_contain_text("s3://bucket/x/film.mp4")
        assert await faults(page) == []
