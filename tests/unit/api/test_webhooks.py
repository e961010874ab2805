"""/api/webhooks: what is listed, and tried again."""

from __future__ import annotations

import httpx

from tests.kit.api.memory import MemoryManager
from tests.kit.api.memory_webhooks import delivery


async def test_deliveries_are_listed_in_pages(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    manager.webhooks.rows += [delivery(1, "delivered"), delivery(2), delivery(3, "failed", "r2")]
    listed = (await client.get("/api/webhooks/deliveries?limit=2")).json()
    assert [each["id"] for each in listed["deliveries"]] == [3, 2]
    assert (listed["total"], listed["limit"], listed["offset"]) == (3, 2, 0)
    first = listed["deliveries"][0]
    assert first["url"] == "https://hooks.example/***"
    assert first["next_try_at"] is None
    assert listed["deliveries"][1]["next_try_at"] is not None
    for query, ids in (("state=waiting", [2]), ("recording_id=r2", [3]), ("state=delivered", [1])):
        found = (await client.get(f"/api/webhooks/deliveries?{query}")).json()
        assert [each["id"] for each in found["deliveries"]] == ids
    assert (await client.get("/api/webhooks/deliveries?state=asleep")).status_code == 422


async def test_one_is_tried_again(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    manager.webhooks.rows.append(delivery(1, "failed"))
    answer = await client.post("/api/webhooks/deliveries/1/retry")
    assert (answer.status_code, answer.json()["state"]) == (200, "waiting")
    unknown = await client.post("/api/webhooks/deliveries/2/retry")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "delivery_not_found")
