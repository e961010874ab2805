"""/api/depin and /api/live-sessions: what the desktop app's agent and viewers receive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from orchestrator.api.routes.viewer_sessions import MOST_SESSIONS
from orchestrator.errors import SourceBusy, TooManyRecordings
from orchestrator.media import Stream
from orchestrator.settings import Settings
from tests.kit.api.callers import APP
from tests.kit.api.memory import MemoryManager
from tests.unit.api.routes.test_live_streams import FIELDS


@pytest.fixture
def manager(settings: Settings) -> MemoryManager:
    made = MemoryManager(settings.model_copy(update={"desktop_app": True}))
    made.directory.streams = [
        Stream("top", "pumpfun", "Top", "T", 90),
        Stream("next", "pumpfun", None, None, 5),
    ]
    return made


async def tick(client: httpx.AsyncClient, status: int = 200) -> dict[str, Any]:
    answer = await client.post("/api/depin/tick", headers=APP)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def test_a_tick_tells_what_the_app_reads(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    first = await tick(client)
    assert first["actions"] == ["Started top"]
    # As long as what is recorded; when it began the wall clock may have said anything.
    manager.rows[0].started_at = datetime.now(UTC) + timedelta(hours=1)
    manager.rows[0].figures = {"duration_s": 75.4}
    second = await tick(client)
    assert second.pop("duration") == 75
    assert second == {
        "success": True,
        "message": "Recording Top (90 participants).",
        "actions": [],
        "current_mint_id": "top",
        "top_stream": {"mint_id": "top", "name": "Top", "symbol": "T", "participants": 90},
    }


async def test_a_tick_that_fails(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    await tick(client)
    manager.directory.streams.reverse()
    manager.raises = TooManyRecordings("4 run", "Stop one.", retry_after_s=30)
    body = await tick(client, 503)
    assert (body["success"], body["code"], body["error"]) == (False, "too_many_recordings", "4 run")
    assert body["detail"] == "4 run. Stop one."
    assert body["message"] == "Failed to record next: 4 run Stop one."
    assert (body["actions"], body["current_mint_id"]) == ([], "top")
    assert body["top_stream"]["mint_id"] == "next"


async def test_a_tick_without_streams(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    manager.directory.streams = []
    body = await tick(client)
    assert (body["success"], body["current_mint_id"], body["top_stream"]) == (True, None, None)
    manager.directory.failures["pumpfun"] = SourceBusy("Wait.", "So long.", retry_after_s=30)
    answer = await client.post("/api/depin/tick")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert "Wait. So long." in answer.json()["message"]


async def test_viewers_sessions(client: httpx.AsyncClient) -> None:
    began = await client.post("/api/live-sessions/start", json={"mint_id": "top"})
    body = began.json()
    assert (body["success"], body["mint_id"], body["room_name"]) == (True, "top", "the room")
    assert (body["token"].count("."), body["participant_sid"]) == (2, None)
    assert list(body["stream_info"]) == FIELDS
    assert began.headers["cache-control"] == "no-store"
    again = await client.post("/api/live-sessions/start", json={"mint_id": "top"})
    active = (await client.get("/api/live-sessions/active")).json()
    assert active["success"]
    assert list(active["sessions"]) == ["top"]
    session = active["sessions"]["top"]
    assert session["session_id"] == again.json()["session_id"] != body["session_id"]
    assert set(session) == {"mint_id", "room_name", "participant_sid", "session_id", "stream_data"}
    stopped = await client.post("/api/live-sessions/stop", json={"mint_id": "top"})
    assert stopped.json() == {"success": True, "mint_id": "top"}
    missing = await client.post("/api/live-sessions/stop", json={"mint_id": "top"})
    assert (missing.status_code, missing.json()["code"]) == (404, "no_session")
    unknown = await client.post("/api/live-sessions/start", json={"mint_id": "nobody"})
    assert unknown.status_code == 404


async def test_sessions_are_bounded(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    ids = [f"s{number}" for number in range(MOST_SESSIONS + 1)]
    manager.directory.streams = [Stream(id, "pumpfun") for id in ids]
    for id in ids:
        await client.post("/api/live-sessions/start", json={"mint_id": id})
    left = (await client.get("/api/live-sessions/active")).json()["sessions"]
    assert list(left) == ids[1:]


async def test_a_token_is_not_for_any_page(client: httpx.AsyncClient) -> None:
    headers = {"Origin": "https://example.org"}
    body = {"mint_id": "top"}
    refused = await client.post("/api/live-sessions/start", json=body, headers=headers)
    assert refused.status_code == 403
