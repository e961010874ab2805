"""POST /api/recording/pause and /resume, and what a status says then."""

from __future__ import annotations

import httpx

from orchestrator.api.schemas.recording_control import Paused
from orchestrator.api.schemas.status import Status
from tests.kit.api.memory import MINT, MemoryManager, recording


async def test_a_recording_is_paused_and_goes_on(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    manager.rows.append(recording())
    answer = await client.post("/api/recording/pause", json={"mint_id": MINT})
    paused = Paused(**answer.json())
    assert (paused.state, paused.recording_state) == ("recording", "paused")
    assert (paused.paused, paused.pause_mode) == (True, "cut")
    status = Status(**(await client.get(f"/api/recording/status/{MINT}")).json())
    assert (status.state, status.is_recording) == ("recording", True), "the app polls on"
    assert (status.paused, status.pause_mode) == (True, "cut")
    assert status.paused_since == paused.paused_since is not None
    answer = await client.post("/api/recording/resume", json={"mint_id": MINT})
    resumed = Paused(**answer.json())
    assert (resumed.paused, resumed.paused_since, resumed.pause_mode) == (False, None, None)


async def test_a_still_frame_is_asked_for(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    manager.rows.append(recording())
    body = {"mint_id": MINT, "still": True}
    answer = await client.post("/api/recording/pause", json=body)
    assert answer.json()["pause_mode"] == "still"
    other = await client.post("/api/recording/pause", json={"mint_id": MINT})
    assert (other.status_code, other.json()["code"]) == (409, "pause_conflict")


async def test_what_is_not_recorded_can_not_be_paused(client: httpx.AsyncClient) -> None:
    for what in ("pause", "resume"):
        answer = await client.post(f"/api/recording/{what}", json={"mint_id": MINT})
        assert (answer.status_code, answer.json()["code"]) == (404, "nothing_to_pause")
