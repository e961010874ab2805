"""What the page says of everything that can be there, and whether everybody can use it."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from pydantic import SecretStr

from orchestrator.api.schemas.common import example_of
from orchestrator.api.schemas.encodes import EncodeProgress
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.errors import NotEnoughDisk, SourceUnreachable
from orchestrator.media import Stream
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.recordings.images.thumbnails import jpeg
from orchestrator.recordings.job import runtime_directory
from orchestrator.settings import Settings
from tests.integration.api.dashboard.conftest import OpenPage, faults
from tests.kit.api.memory import FIGURES, STARTED, MemoryManager, recording
from tests.kit.api.serving import Served
from tests.kit.mediafiles.synthetic import Film, VideoTrack, black, frame_of, times

pytestmark = pytest.mark.real_time

NOTHING = "\N{EN DASH}"
KEY = "the server's key"


@pytest.fixture(autouse=True)
def everything(manager: MemoryManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams, a directory that failed, recordings in every state."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    film = Film(tmp_path / "film.mp4", "mp4", VideoTrack(times(1))).write()
    manager.directory.streams = [
        Stream("coin-1", "pumpfun", name="Example Coin", symbol="EXC", num_participants=151),
        Stream("rooms/two", "livekit", name="Zweites <b>Zimmer</b>", thumbnail="https://x.example"),
    ]
    manager.directory.failures = {"demo": SourceUnreachable("Demo is away.", "Start it again.")}
    done = {"state": "completed", "duration_s": 61.0, "size_bytes": film.stat().st_size}
    manager.rows += [
        recording("done", id="a1", output_path=str(film), ended_at=STARTED, **done),
        recording("failed", id="b2", state="failed", error="ffmpeg ended.", detail="See its log."),
        recording("coin-1", id="c3", worker_starts=1, figures_at=datetime.now(UTC)),
        recording("new", id="d4", state="starting", figures={}, worker_starts=1),
    ]
    folder = runtime_directory("c3")
    folder.mkdir()
    (folder / "preview.jpg").write_bytes(jpeg(frame_of(black())))


async def test_everybody_can_use_it(
    manager: MemoryManager, served: Served, open_page: OpenPage
) -> None:
    """axe-core finds no serious fault in any view, light or dark, on a screen or a phone."""
    async with served(manager) as url:
        for dark, width in ((False, 1280), (True, 390)):
            page = await open_page(f"{url}/dashboard/", dark=dark, width=width)
            await expect(page.get_by_text("cores, 100 B")).to_be_visible()
            assert await faults(page) == []
            await page.get_by_role("link", name="Recordings").click()
            await expect(page.get_by_text("ffmpeg ended.")).to_be_visible()
            assert await faults(page) == []
            await page.get_by_role("button", name="Play").click()
            await expect(page.locator("dialog video")).to_be_visible()
            assert await faults(page) == []
            await page.keyboard.press("Escape")
            await page.get_by_role("link", name="System").click()
            await expect(page.get_by_text("disk_reserve_bytes")).to_be_visible()
            assert await faults(page) == []
            assert await page.evaluate("document.body.scrollWidth <= innerWidth"), "it fits"


async def test_it_says_what_is_so(
    manager: MemoryManager, served: Served, open_page: OpenPage
) -> None:
    async with served(manager) as url:
        page = await open_page(f"{url}/dashboard/")
        await streams_are_found(page)
        await figures_are_measured_or_unknown(page)
        await a_refusal_has_its_advice(page, manager)
        await a_change_is_shown(page, manager)
        await the_output_directory_is_chosen(page, manager)


async def streams_are_found(page: Page) -> None:
    """By any word; names are text, whatever is in them."""
    rows = page.locator(".streams .stream")
    await expect(rows).to_have_count(2)
    await expect(page.get_by_text("Zweites <b>Zimmer</b>")).to_be_visible()
    await expect(page.get_by_text("Demo is away.")).to_be_visible()
    search = page.get_by_placeholder("Search")
    await search.fill("LIVEKIT zwei")
    await expect(rows).to_have_count(1)
    await search.fill("nobody")
    await expect(page.get_by_text("No live stream fits")).to_be_visible()
    await search.fill("")


async def figures_are_measured_or_unknown(page: Page) -> None:
    """What the worker reported; a dash where it did not yet; its warnings in words."""
    known = page.locator(".running > li").filter(has_text=FIGURES["warnings"][0])
    await expect(known.get_by_text("11.4 MB")).to_be_visible()
    await expect(known.get_by_text("0.25 cores")).to_be_visible()
    new = page.locator(".running > li").filter(has_text="Starting")
    await expect(new.locator("dd")).to_have_text([NOTHING] * 6)


async def a_refusal_has_its_advice(page: Page, manager: MemoryManager) -> None:
    """Beside the stream, until it is put away; by keyboard alone."""
    manager.raises = NotEnoughDisk("Only 3 MiB are free.", "Free some space.")
    button = page.get_by_role("button", name="Record Zweites")
    await button.focus()
    await page.keyboard.press("Enter")
    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text("Only 3 MiB are free. Free some space.")
    assert manager.requests[-1].output_format == "av1"
    manager.raises = None
    await page.get_by_role("button", name="Dismiss").click()
    await expect(alert).to_have_count(0)


async def a_change_is_shown(page: Page, manager: MemoryManager) -> None:
    """Whoever made it."""
    cards = page.locator(".running > li")
    await expect(cards).to_have_count(2)
    await manager.stop("new")
    await expect(cards).to_have_count(1)
    await page.get_by_role("button", name="Stop recording").click()
    await expect(page.get_by_text("Nothing is being recorded")).to_be_visible()


async def the_output_directory_is_chosen(page: Page, manager: MemoryManager) -> None:
    """One that can't be used is refused beside the field."""
    await page.get_by_role("link", name="System").click()
    field = page.get_by_label("Folder for new recordings")
    await expect(field).to_have_value(str(manager.settings.output_directory))
    await field.fill("/nowhere")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_contain_text("Name a folder that exists.")
    await field.fill(str(manager.settings.output_directory.parent))
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("The next recording goes there")).to_be_visible()


@pytest.mark.all_only
async def test_a_recording_is_encoded_again(
    manager: MemoryManager, served: Served, open_page: OpenPage
) -> None:
    """Its row shows how far that is, whoever asked for it, and cancels it."""
    async with served(manager) as url:
        page = await open_page(f"{url}/dashboard/")
        await page.get_by_role("link", name="Recordings").click()
        button = page.get_by_role("button", name="Encode Example Coin again, smaller")
        await button.click()
        await expect(page.get_by_text("Waits to be encoded again")).to_be_visible()
        await expect(button).to_have_count(0)
        await page.get_by_role("button", name="Pause encoding").click()
        await expect(page.get_by_text("again: encoding is paused")).to_be_visible()
        assert manager.encodes.pause_reason == "request"
        await page.get_by_role("button", name="Resume encoding").click()
        await expect(page.get_by_text("encoding is paused")).to_have_count(0)
        manager.encodes.pause_reason = "battery"
        await expect(page.get_by_text("encoding is paused on battery")).to_be_visible()
        await expect(page.get_by_role("button", name="Resume encoding")).to_have_count(0)
        manager.encodes.pause_reason = None
        (row,) = manager.encodes.rows
        assert (row.recording_id, row.request["replace"]) == ("a1", False)
        row.state, row.progress, row.progress_at = "running", example_of(EncodeProgress), STARTED
        await expect(page.get_by_text("Encoding again: 42 %, 2:54 left")).to_be_visible()
        assert await faults(page) == []
        await page.get_by_role("button", name="Cancel encoding Example Coin").click()
        await expect(button).to_be_visible()
        assert row.state == "cancelled"
        other = await manager.encodes.add("a1", EncodeOptions())
        await expect(page.get_by_text("Waits to be encoded again")).to_be_visible()
        other.state, other.error, other.detail = "failed", "It is damaged.", "Look at it."
        await expect(page.get_by_text("It is damaged. Look at it.")).to_be_visible()


@pytest.mark.all_only
async def test_the_key_is_asked_for_once(
    settings: Settings, served: Served, open_page: OpenPage
) -> None:
    """And then stands for everything: events, frames, films, and what is changed."""
    manager = MemoryManager(settings.model_copy(update={"api_key": SecretStr(KEY)}))
    async with served(manager) as url:
        page = await open_page(f"{url}/dashboard/")
        await page.get_by_label("API key").fill("wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("The API key is wrong")
        assert await faults(page) == []
        await page.get_by_label("API key").fill(KEY)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Recording now")).to_be_visible()
        await page.reload()
        await page.get_by_role("button", name="Record").click()
        async with asyncio.timeout(30):
            while not manager.requests:
                await asyncio.sleep(0.05)
        assert KEY not in str(await page.context.storage_state())
        await page.get_by_role("link", name="System").click()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_label("API key")).to_be_visible()
        assert await faults(page) == []


@pytest.mark.all_only
async def test_frames_that_are_copied(
    manager: MemoryManager, served: Served, open_page: OpenPage
) -> None:
    """The form offers containers and tracks, and no quality; a card has no encoder's figures."""
    manager.pipelines = Pipelines.load(None)
    copied = {"pipeline": "copy", "output_format": "mkv", "tracks": "selected"}
    figures = FIGURES | {"encoder": None, "pipe_bytes": 4_711_000}
    figures["processes"] = {"worker": FIGURES["processes"]["worker"], "ffmpeg": None}
    later = EncodeOptions("av1", "low", replace=True).as_dict()
    instead = {"instead_of": "av1", "encode": later, "figures": figures}
    manager.rows.append(
        recording("three", id="e5", figures_at=datetime.now(UTC), **copied, **instead)
    )
    async with served(manager) as url:
        page = await open_page(f"{url}/dashboard/")
        card = page.locator("li.card").filter(has_text="copy")
        await expect(card).to_contain_text("no capacity to encode with av1")
        await expect(card.locator("dl")).to_contain_text("Size4.7 MB")
        await expect(card.locator("dl")).not_to_contain_text("Speed")
        await expect(card.get_by_text(re.compile(r"^Matroska · 1280.720 · copy$"))).to_be_visible()
        await expect(card.locator(".processes")).not_to_contain_text("ffmpeg")
        await expect(page.get_by_label("Quality")).to_be_visible()
        await page.get_by_label("Format").select_option("mkv")
        await expect(page.get_by_label("Pipeline")).to_have_value("copy")
        await expect(page.get_by_label("Quality")).not_to_be_visible()
        await page.get_by_label("Tracks").select_option("all")
        await page.get_by_role("button", name="Record Zweites").click()
        await expect(page.get_by_text("Recording Zweites")).to_be_visible()
        await page.get_by_label("Format").select_option("webm")
        await expect(page.get_by_label("Pipeline")).to_have_value("webm")
        await page.get_by_label("Pipeline").select_option("copy")
        await expect(page.get_by_label("Tracks")).not_to_be_visible()
        await expect(page.get_by_label("Quality")).not_to_be_visible()
    (asked,) = manager.requests
    assert (asked.output_format, asked.pipeline, asked.tracks) == ("mkv", None, "all")
