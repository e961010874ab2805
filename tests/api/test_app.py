"""The desktop app's own hooks, as far as they talk to a server: what they send, what they read.

Each function does what the app's source does (Haven-hvn/haven-player, frontend/src, named with it):
the same requests, and just the fields that it looks at.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from orchestrator.api.app import create_app
from orchestrator.catalog.library import Library
from orchestrator.catalog.models import File
from orchestrator.catalog.store import Catalog
from orchestrator.errors import TooManyRecordings
from orchestrator.media import Stream
from orchestrator.settings import Settings
from tests.api.memory import MemoryManager
from tests.catalog.rows import NOON
from tests.catalog.rows import recording as row_of

ORIGINS = ["null", "http://localhost:3000"]
MINTS = [f"mint{number}" for number in range(20)]


@pytest.fixture
def manager(settings: Settings) -> MemoryManager:
    made = MemoryManager(settings)
    made.directory.streams = [
        Stream(mint, "pumpfun", f"Coin {mint}", "C", 20 - place) for place, mint in enumerate(MINTS)
    ]
    return made


@pytest.fixture(params=ORIGINS)
async def page(request: pytest.FixtureRequest, client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client as a page of the app: packaged, or in development."""
    client.headers["Origin"] = request.param
    return client


async def read(answer: httpx.Response) -> Any:
    """What `response.json()` gives a page: only what CORS lets it read."""
    assert answer.headers["access-control-allow-origin"] == answer.request.headers["origin"]
    return answer.json()


async def start_recording(page: httpx.AsyncClient, mint: str) -> str | None:
    """useBulkRecording.startRecording; why it failed."""
    body = {"mint_id": mint, "output_format": "webm", "video_quality": "best"}
    answer = await page.post("/api/recording/start", json=body)
    told = await read(answer)
    if not answer.is_success:
        return str(told["detail"] or f"Failed to start recording: {answer.status_code}")
    return None if told["success"] else str(told["error"])


async def is_recording(page: httpx.AsyncClient, mint: str) -> bool:
    """useBulkRecording.checkStreamRecordingStatus, and useLiveKitRecording's."""
    told = await read(await page.get(f"/api/recording/status/{mint}"))
    if told["success"] and told["state"] == "recording":
        began = datetime.fromisoformat(told["start_time"])
        assert (datetime.now(UTC) - began).total_seconds() >= 0
        return True
    return False


async def test_record_all_and_stop_all(page: httpx.AsyncClient, manager: MemoryManager) -> None:
    listed = await read(await page.get("/api/live/popular?limit=20"))
    mints = [stream["mint_id"] for stream in listed]
    assert mints == MINTS
    assert await asyncio.gather(*(start_recording(page, mint) for mint in mints)) == [None] * 20
    assert await is_recording(page, MINTS[0])
    assert await start_recording(page, MINTS[0]) is not None, "once is enough"
    for mint in mints:
        stopped = await read(await page.post("/api/recording/stop", json={"mint_id": mint}))
        assert stopped["success"]
        assert stopped["output_path"]
    assert not await is_recording(page, MINTS[0])
    manager.raises = TooManyRecordings("4 run.", "Stop one.", retry_after_s=30)
    assert await start_recording(page, MINTS[0]) == "4 run. Stop one."


async def test_a_card_connects_and_disconnects(page: httpx.AsyncClient) -> None:
    """LivestreamCard.handleConnect and handleStopRecording."""
    told = await read(await page.get(f"/api/live/connection/{MINTS[0]}"))
    assert told["success"]
    assert {"livekit_url", "token", "room_name", "participant_sid"} <= set(told)
    answer = await page.get("/api/live/connection/nobody")
    assert not answer.is_success
    assert (await read(answer))["detail"]
    assert (await page.post(f"/api/live/disconnect/{MINTS[0]}")).is_success


async def test_the_agents_dashboard(page: httpx.AsyncClient) -> None:
    """DePinDashboard: tick, what is active, and stopping all when it is switched off."""
    told = await read(await page.post("/api/depin/tick"))
    assert told["success"]
    assert any("Started" in action for action in told["actions"])
    active = await read(await page.get("/api/recording/active"))
    assert active["success"]
    (mint, recording), *others = active["recordings"].items()
    assert (mint, others) == (MINTS[0], [])
    assert recording["state"] == "recording" or recording["is_recording"]
    assert datetime.fromisoformat(recording["start_time"]).tzinfo is not None
    told = await read(await page.post("/api/depin/tick"))
    assert (told["current_mint_id"], told["duration"] >= 0) == (mint, True)
    stopped = await read(await page.post("/api/recording/stop", json={"mint_id": mint}))
    assert stopped["success"]
    active = await read(await page.get("/api/recording/active"))
    assert active["recordings"] == {}


async def test_library_player_and_upload(
    page: httpx.AsyncClient, manager: MemoryManager, catalog: Catalog
) -> None:
    """useVideos, VideoPlayer.fetchVideoData, and useFilecoinUpload when it is done."""
    manager.library = Library(catalog)
    await catalog.create(row_of("1", "mint0", state="completed"))
    path = "/out/a b.mp4"
    file = {"recording_id": "1", "number": 1, "path": path, "offset_s": 0.0, "made_at": NOON}
    await catalog.put_file(File(**file, duration_s=12.0, size_bytes=5))
    (group,) = await read(await page.get("/api/videos/grouped"))
    assert (group["token_info"]["mint_id"], group["recording_count"]) == ("mint0", 1)
    (video,) = group["videos"]
    assert (video["has_ai_data"], video["filecoin_root_cid"]) == (False, None)
    shown = f"/api/videos/{quote(path, safe='')}"
    everything, timestamps = await asyncio.gather(
        page.get("/api/videos/"), page.get(f"{shown}/timestamps/")
    )
    assert [v for v in await read(everything) if v["path"] == path] == [video]
    assert await read(timestamps) == []
    stored = {"root_cid": "bafy", "piece_cid": "baga", "data_set_id": "1", "is_encrypted": False}
    answer = await page.put(f"{shown}/filecoin-metadata", json=stored)
    assert (await read(answer))["filecoin_root_cid"] == "bafy"
    (group,) = await read(await page.get("/api/videos/grouped"))
    assert group["videos"][0]["filecoin_root_cid"], "so it isn't uploaded again"
    assert (await page.put(f"{shown}/move-to-front")).is_success
    assert (await page.delete(shown)).is_success
    assert await read(await page.get("/api/videos/grouped")) == []


@pytest.mark.parametrize("origin", ORIGINS)
async def test_every_route_may_be_called_by_the_app(
    client: httpx.AsyncClient, manager: MemoryManager, origin: str
) -> None:
    for path, operations in create_app(manager).openapi()["paths"].items():
        for method in operations:
            headers = {
                "Origin": origin,
                "Access-Control-Request-Method": method.upper(),
                "Access-Control-Request-Headers": "content-type",
            }
            answer = await client.options(path.replace("{", "").replace("}", ""), headers=headers)
            assert answer.status_code == 200, (method, path)
            assert answer.headers["access-control-allow-origin"] == origin
            assert method.upper() in answer.headers["access-control-allow-methods"]
            assert "content-type" in answer.headers["access-control-allow-headers"].lower()
