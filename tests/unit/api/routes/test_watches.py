"""/api/recording/watch: waiting for a stream, what is said of it, and cancelling it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from orchestrator.catalog.store import Catalog
from orchestrator.errors import NoMedia
from orchestrator.media import Stream
from orchestrator.server.watches.watches import Watches
from orchestrator.settings import Settings
from tests.kit.api.memory import MINT, MemoryManager, never


async def accept(request: object) -> None:
    """Whatever is asked for."""


@pytest.fixture
async def manager(settings: Settings, catalog: Catalog) -> AsyncIterator[MemoryManager]:
    """Nobody streams; the watches stand in a real catalog."""
    made = MemoryManager(settings)
    made.directory.streams = []
    made.watches = Watches(catalog, made.directory, made.start, accept, 20, unmute=never)
    yield made
    await made.watches.close()


async def test_waiting_listed_and_cancelled(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    body = {"mint_id": "a/b", "output_format": "vp9", "video_quality": "low", "split_minutes": 1}
    watched = (await client.post("/api/recording/watch", json=body)).json()
    assert (watched["success"], watched["mint_id"], watched["state"]) == (True, "a/b", "waiting")
    assert watched["request"]["limits"] == {"split_s": 60.0}
    await manager.watches.round()
    listed = (await client.get("/api/recording/watch")).json()
    assert (listed["count"], listed["watches"][0]["request"]) == (1, watched["request"])
    assert listed["watches"][0]["looked_at"].endswith("+00:00")
    cancelled = await client.delete("/api/recording/watch/a/b")
    assert cancelled.json() == {"success": True, "mint_id": "a/b"}
    again = await client.delete("/api/recording/watch/a%2Fb")
    assert (again.status_code, again.json()["code"]) == (404, "not_watched")


async def test_why_it_fails_and_when_it_is_tried_again(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    await client.post("/api/recording/watch", json={"mint_id": MINT})
    manager.directory.streams = [Stream(MINT, "demo")]
    manager.raises = NoMedia("No frame came.", "Look at it.")
    await manager.watches.round()
    (body,) = (await client.get("/api/recording/watch")).json()["watches"]
    assert (body["state"], body["error"]["code"]) == ("failing", "no_media")
    assert body["error"]["detail"] == "No frame came. Look at it."
    assert body["next_try_at"] > body["looked_at"]
    await manager.watches.hold(MINT)
    (body,) = (await client.get("/api/recording/watch")).json()["watches"]
    assert body["state"] == "held"


async def test_a_wrong_request(client: httpx.AsyncClient) -> None:
    refused = await client.post("/api/recording/watch", json={"video_quality": "ultra"})
    assert refused.status_code == 422
    assert {problem["field"] for problem in refused.json()["fields"]} == {
        "mint_id",
        "video_quality",
    }
