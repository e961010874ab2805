"""Streams with names of their own: added, looked into and removed in the page."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from orchestrator.catalog.store import Catalog
from orchestrator.media import Encryption, Publication, Stream, TrackKind, TrackSource
from orchestrator.server.streams.details import Layer, PublishedTrack
from orchestrator.server.streams.named_streams import NamedStreams
from tests.integration.api.dashboard.conftest import OpenPage, faults
from tests.kit.api.memory import MemoryManager
from tests.kit.api.serving import Served
from tests.kit.sources.whep_answers import SDP, scripted

pytestmark = pytest.mark.real_time

CAMERA = PublishedTrack(
    Publication(
        *("v", TrackKind.VIDEO, TrackSource.CAMERA, "video/vp8", "anna <i>"), width=1280, height=720
    ),
    ("video/vp8",),
    (Layer(320, 180, 0), Layer(640, 360, 0), Layer(1280, 720, 0)),
    simulcast=True,
)
MUTED = PublishedTrack(
    Publication(*("a", TrackKind.AUDIO, TrackSource.MICROPHONE, "audio/opus", "ben"), muted=True),
    ("audio/opus",),
)
LOCKED = PublishedTrack(
    Publication(
        *("c", TrackKind.AUDIO, TrackSource.MICROPHONE, "audio/opus", "cora"),
        encryption=Encryption.GCM,
    ),
    ("audio/opus",),
)


@pytest.fixture(autouse=True)
def streams(manager: MemoryManager, catalog: Catalog) -> None:
    manager.directory.streams = [Stream("a/room", "livekit", name="Room", num_participants=2)]
    manager.published["a/room"] = (CAMERA, MUTED, LOCKED)
    manager.streams = NamedStreams(manager.settings, catalog, manager.directory.named)


async def test_a_stream_is_added_and_removed(
    manager: MemoryManager, served: Served, open_page: OpenPage
) -> None:
    """What its server says is shown beside it; a refusal stays beside the form."""
    async with scripted() as server, served(manager) as url:
        server.says(status=201, text=SDP)
        page = await open_page(f"{url}/dashboard/")
        await page.get_by_role("button", name="Add stream").click()
        dialog = page.get_by_role("dialog", name="Add a stream")
        assert await faults(page) == []
        await dialog.get_by_label("Id").fill("the/lobby")
        await dialog.get_by_label("Name").fill("Lobby")
        await dialog.get_by_label("WHEP address").fill("ftp://nowhere")
        await page.keyboard.press("Enter")
        await expect(dialog.get_by_role("alert")).to_contain_text("http://, https://")
        await dialog.get_by_label("WHEP address").fill(f"{server.url}/live?key=geheim")
        await dialog.get_by_label("Bearer token").fill("geheim-geheim")
        await page.keyboard.press("Enter")
        await expect(dialog).to_have_count(0)
        row = page.locator(".streams > li").filter(has_text="Lobby")
        await expect(row).to_contain_text("Not known to be live")
        assert server.asked == []
        await row.get_by_role("button", name="What is in Lobby").click()
        await expect(row.locator(".tracks > li")).to_have_count(2)
        await expect(row.locator(".tracks")).to_contain_text("VP8")
        await expect(row).to_contain_text(f"{server.url}/live")
        await expect(page.get_by_text("geheim")).to_have_count(0)
        await expect(row.get_by_text("Live", exact=True)).to_be_visible()
        await row.get_by_role("button", name="Remove Lobby").click()
        await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        await expect(row).to_have_count(0)
        assert manager.streams.definition("the/lobby") is None


async def test_who_publishes_what_is_shown(
    manager: MemoryManager, served: Served, open_page: OpenPage
) -> None:
    async with served(manager) as url:
        page = await open_page(f"{url}/dashboard/")
        button = page.get_by_role("button", name="What is in Room")
        await button.focus()
        await page.keyboard.press("Enter")
        camera, muted, locked = (page.locator(".tracks > li").nth(n) for n in range(3))
        await expect(camera).to_contain_text("anna <i>")
        await expect(camera).to_contain_text("camera · VP8 · 1280\N{MULTIPLICATION SIGN}720")
        await expect(camera).to_contain_text("3 sizes")
        await expect(camera).to_contain_text("Would be recorded")
        await expect(muted).to_contain_text("Muted")
        await expect(locked).to_contain_text("Encrypted")
        await expect(locked).to_contain_text("Can't be recorded")
        await expect(locked).to_contain_text("no key is given")
        assert await faults(page) == []
        await expect(button).to_have_attribute("aria-expanded", "true")
        await button.click()
        await expect(page.locator(".tracks")).to_have_count(0)
        manager.published["a/room"] = (MUTED,)
        await button.click()
        await expect(page.locator(".inside .notice")).to_contain_text("Everything published is mut")
        await expect(page.get_by_role("button", name="Remove Room")).to_have_count(0)
