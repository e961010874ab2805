"""GET /api/capacity, and /start's answer when there is no room."""

from __future__ import annotations

import httpx
import pytest

from orchestrator.capacity.costs import CAUTION
from orchestrator.errors import NoCapacity
from tests.kit.api.memory import MINT, MemoryManager, recording


async def test_what_there_is_and_what_it_costs(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    manager.rows.append(
        recording(figures={"measured_cores": 0.4, "speed_step": 1}, reserved_cores=0.6)
    )
    body = (await client.get("/api/capacity")).json()
    assert (body["success"], body["cores"], body["limit_cores"]) == (True, 2.0, 1.7)
    assert (body["reserved_cores"], body["measured_cores"], body["used_cores"]) == (0.6, 0.4, 0.5)
    assert body["free_cores"] == 1.2
    assert body["calibrated_at"] is None
    (load,) = body["recordings"]
    assert (load["mint_id"], load["speed_step"], load["speed_pinned"]) == (MINT, 1, False)
    av1, mp4, _ = body["pipelines"]
    assert (mp4["name"], mp4["measured"]) == ("mp4", False)
    slow, fast = mp4["steps"]
    assert (slow["speed_step"], slow["name"], fast["name"]) == (0, "slow", "fast")
    assert slow["cpu_s_per_megapixel"] == pytest.approx(CAUTION * 0.02)
    assert slow["more"] <= fast["more"] == int(1.2 / fast["cores"])
    assert av1["steps"][0]["cores"] < slow["cores"], "it was seen to take less than was thought"


async def test_nothing_measured_is_null(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    body = (await client.get("/api/capacity")).json()
    assert (body["measured_cores"], body["used_cores"], body["recordings"]) == (None, 0, [])


async def test_no_room(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    fits = {"pipeline": "mp4", "speed_step": 3}
    manager.raises = NoCapacity("There is no room", "Stop one.", fits=fits, retry_after_s=30.0)
    answer = await client.post("/api/recording/start", json={"mint_id": MINT})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    body = answer.json()
    assert (body["success"], body["code"]) == (False, "no_capacity")
    assert body["context"]["fits"] == fits


async def test_a_step_can_be_asked_for(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    body = {"mint_id": MINT, "speed_step": 1}
    assert (await client.post("/api/recording/start", json=body)).status_code == 200
    assert manager.requests[0].speed_step == 1
    refused = await client.post("/api/recording/start", json=body | {"speed_step": -1})
    assert refused.status_code == 422
