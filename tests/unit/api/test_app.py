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

from orchestrator.catalog.models import File
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.video_library import VideoLibrary
from orchestrator.errors import TooManyRecordings
from orchestrator.media import Stream
from orchestrator.settings import Settings
from tests.kit.api.callers import ELECTRON
from tests.kit.api.memory import MemoryManager
from tests.kit.catalog.rows import NOON
from tests.kit.catalog.rows import recording as row_of

ORIGINS = ["null", "http://localhost:3000"]
MINTS = [f"mint{number}" for number in range(20)]


@pytest.fixture
def manager(settings: Settings) -> MemoryManager:
    made = MemoryManager(settings.model_copy(update={"desktop_app": True}))
    made.directory.streams = [
        Stream(mint, "pumpfun", f"Coin {mint}", "C", 20 - place) for place, mint in enumerate(MINTS)
    ]
    return made


@pytest.fixture(params=ORIGINS)
async def page(request: pytest.FixtureRequest, client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client as a page of the app: packaged, or in development."""
    client.headers.update({"Origin": request.param, "User-Agent": ELECTRON})
    return client


async def read(answer: httpx.Response) -> Any:
    """What `response.json()` gives a page: only what CORS lets it read."""
    assert answer.headers["access-control-allow-origin"] == answer.request.headers["origin"]
    return answer.json()


async def start_recording(page: httpx.AsyncClient, mint: str) -> str | None:
    """useBulkRecording.startRecording; why it failed."""
    body = {"mint_id": mint, "output_format": "webm", "video_quality": "best"}
    answer = await page.post("/api/recording/start", json=body)
    fields = await read(answer)
    if not answer.is_success:
        return str(fields["detail"] or f"Failed to start recording: {answer.status_code}")
    return None if fields["success"] else str(fields["error"])


async def is_recording(page: httpx.AsyncClient, mint: str) -> bool:
    """useBulkRecording.checkStreamRecordingStatus, and useLiveKitRecording's."""
    body = await read(await page.get(f"/api/recording/status/{mint}"))
    if body["success"] and body["state"] == "recording":
        began = datetime.fromisoformat(body["start_time"])
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
    body = await read(await page.get(f"/api/live/connection/{MINTS[0]}"))
    assert body["success"]
    assert {"livekit_url", "token", "room_name", "participant_sid"} <= set(body)
    answer = await page.get("/api/live/connection/nobody")
    assert not answer.is_success
    assert (await read(answer))["detail"]
    assert (await page.post(f"/api/live/disconnect/{MINTS[0]}")).is_success


async def test_the_agents_dashboard(page: httpx.AsyncClient) -> None:
    """DePinDashboard: tick, what is active, and stopping all when it is switched off."""
    body = await read(await page.post("/api/depin/tick"))
    assert body["success"]
    assert any("Started" in action for action in body["actions"])
    active = await read(await page.get("/api/recording/active"))
    assert active["success"]
    (mint, recording), *others = active["recordings"].items()
    assert (mint, others) == (MINTS[0], [])
    assert recording["state"] == "recording" or recording["is_recording"]
    assert datetime.fromisoformat(recording["start_time"]).tzinfo is not None
    body = await read(await page.post("/api/depin/tick"))
    assert (body["current_mint_id"], body["duration"] >= 0) == (mint, True)
    stopped = await read(await page.post("/api/recording/stop", json={"mint_id": mint}))
    assert stopped["success"]
    active = await read(await page.get("/api/recording/active"))
    assert active["recordings"] == {}


async def test_library_player_and_upload(
    page: httpx.AsyncClient, manager: MemoryManager, catalog: Catalog
) -> None:
    """useVideos, VideoPlayer.fetchVideoData, and useFilecoinUpload when it is done."""
    manager.library = VideoLibrary(catalog)
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


ROUTES = [
    *("GET /api/recording/active", f"GET /api/recording/status/{MINTS[0]}"),
    *("POST /api/recording/start", "POST /api/recording/stop", "GET /api/recording/formats"),
    *("GET /api/recording/output-directory", "POST /api/recording/set-output-directory"),
    *("GET /api/live", "GET /api/live/popular", "GET /api/live/live", "GET /api/pumpfun/stats"),
    *("GET /api/live/stream/x", "GET /api/live/validate/x", "GET /api/live/connection/x"),
    *("POST /api/live/disconnect/x", "POST /api/depin/tick"),
    *("GET /api/videos/", "GET /api/videos/grouped", "POST /api/videos/"),
    *("GET /api/videos/%2Fout%2Fa.mp4/timestamps/", "DELETE /api/videos/%2Fout%2Fa.mp4"),
    *("PUT /api/videos/a.mp4/move-to-front", "PUT /api/videos/a.mp4/filecoin-metadata"),
]
"""All that the app's source calls and the Recording API document names."""

OTHERS = [
    *("DELETE /api/recordings/x", "GET /api/recordings", "GET /api/recordings/x/file"),
    *("GET /api/recordings/x/thumbnail.jpg", "GET /api/recording/preview/x.jpg"),
    *("GET /api/settings", "GET /api/live/token/x", "POST /api/live-sessions/start"),
    *("GET /api/events", "GET /api/processes", "GET /metrics", "POST /api/session"),
    *(
        "POST /api/recording/watch",
        "DELETE /api/recording/watch/x",
        "GET /openapi.json",
        "GET /docs",
    ),
]


def preflight(origin: str, method: str, agent: str, *more: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "User-Agent": agent,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": ",".join(("content-type", *more)),
        "Access-Control-Request-Private-Network": "true",
    }


@pytest.mark.parametrize("origin", ORIGINS)
async def test_the_apps_routes_and_no_others(client: httpx.AsyncClient, origin: str) -> None:
    for route, status in [(r, 200) for r in ROUTES] + [(r, 400) for r in OTHERS]:
        method, path = route.split()
        asked = await client.options(path, headers=preflight(origin, method, ELECTRON))
        assert asked.status_code == status, route
        assert ("access-control-allow-origin" in asked.headers) is (status == 200), route
        headers = {"Origin": origin, "User-Agent": ELECTRON}
        real = await client.request(method, path, headers=headers)
        assert (real.status_code != 403) is (status == 200), route
        assert ("access-control-allow-origin" in real.headers) is (status == 200), route


@pytest.mark.parametrize("origin", ORIGINS)
async def test_a_page_of_the_same_origin_is_not_the_app(
    client: httpx.AsyncClient, manager: MemoryManager, origin: str
) -> None:
    """A sandboxed frame of any page has the app's origin. It can't send another User-Agent."""
    chrome = ELECTRON.replace("Electron/39.2.7 ", "")
    for route in ROUTES:
        method, path = route.split()
        asked = await client.options(path, headers=preflight(origin, method, chrome))
        assert asked.status_code == 400, route
        real = await client.request(method, path, headers={"Origin": origin, "User-Agent": chrome})
        assert (real.status_code, real.json()["code"]) == (403, "forbidden"), route
    asked = await client.options(
        "/api/recording/start", headers=preflight(origin, "POST", ELECTRON, "user-agent")
    )
    assert asked.status_code == 400, "else a page could send one"
    assert "user-agent" not in asked.headers["access-control-allow-headers"].lower()
    assert manager.rows == []


async def test_the_library_shows_thumbnails(client: httpx.AsyncClient) -> None:
    """As plain images, which carry no Origin; a page may not even learn whether there is one."""
    image = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    shown = "/api/recordings/x/thumbnail.jpg"
    for agent, path, status in (
        (ELECTRON, shown, 404),
        ("Chrome/142.0", shown, 403),
        (ELECTRON, "/api/recording/preview/x.jpg", 403),
    ):
        answer = await client.get(path, headers=image | {"User-Agent": agent})
        assert answer.status_code == status
        policy = "cross-origin" if path == shown else "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == policy
