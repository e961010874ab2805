"""/api/events over a real connection: what is told when, and what becomes of who comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from orchestrator.api.monitoring import feed, hub
from orchestrator.catalog.models import Event
from orchestrator.media import Stream
from tests.api.memory import MINT, STARTED, MemoryManager, recording
from tests.api.monitoring.sse import listening
from tests.api.serving import Served


def line(id: int, kind: str = "joined", **data: Any) -> Event:
    """One of the story."""
    told = {"at": STARTED, "kind": kind, "message": f"line {id}", "data": data}
    return Event(id=id, recording_id="r1", **told)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams are asked for often."""
    monkeypatch.setattr(feed, "STREAMS_S", 0.05)


async def test_all_that_changes(manager: MemoryManager, served: Served) -> None:
    manager.rows.append(row := recording(id="r1"))
    async with served(manager) as url, listening(url) as listener:
        first = await listener.next()
        assert (first.name, first.id) == ("reset", "0")
        assert [r["id"] for r in first.data["recordings"]] == ["r1"]
        assert first.data["figures"]["recordings"][0]["frames_dropped"] == 4
        assert first.data["figures"]["system"]["memory_bytes"] > 0
        assert (await listener.next("streams")).data["streams"][0]["mint_id"] == MINT
        figures = await listener.next("figures")
        roles = [p["role"] for p in figures.data["processes"]]
        assert (roles, figures.id) == (["server", "worker", "ffmpeg"], None)
        row.state = "stopping"
        assert (await listener.next("recording")).data["state"] == "stopping"
        manager.catalog.lines.append(line(7, "segment", outcome="killed"))
        told = await listener.next("story")
        assert (told.id, told.data["id"], told.data["recording_id"]) == ("7", 7, "r1")
        assert (told.data["level"], told.data["message"]) == ("warning", "line 7")
        row.state = "completed"
        ended = await listener.next("recording")
        assert (ended.data["state"], ended.data["id"]) == ("completed", "r1")
        manager.rows.append(recording("other", id="r2"))
        assert (await listener.next("recording")).data["id"] == "r2"
        manager.rows.pop()
        assert (await listener.next("deleted")).data == {"id": "r2"}
        manager.directory.streams = [Stream("new", "demo")]
        assert (await listener.next("streams")).data["streams"][0]["mint_id"] == "new"


async def test_who_comes_back(manager: MemoryManager, served: Served) -> None:
    manager.catalog.lines = [line(id) for id in (3, 5, 8)]
    async with served(manager) as url:
        async with listening(url) as listener:
            assert (await listener.next()).id == "8"
        manager.catalog.lines.append(line(9))
        async with listening(url, "5") as listener:
            told = [await listener.next() for _ in range(3)]
        assert [(e.name, e.id) for e in told] == [("story", "8"), ("story", "9"), ("snapshot", "9")]
    # A new server knows the same lines by the same ids.
    async with served(manager) as url:
        async with listening(url, "8") as listener:
            assert [(await listener.next()).id for _ in range(2)] == ["9", "9"]
        for unknown in ("99", "-1", "word", "9" * 30):
            async with listening(url, unknown) as listener:
                assert (await listener.next()).name == "reset"


async def test_who_joins_takes_nothing_from_the_others(
    manager: MemoryManager, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "LOOK_S", 600.0)
    async with served(manager) as url, listening(url) as first:
        await first.next("figures")  # the only look before the next one joins
        manager.catalog.lines.append(line(7))
        manager.rows.append(recording(id="r1"))
        async with listening(url) as second:
            assert (await second.next()).id == "7"
            assert (await first.next("recording")).data["id"] == "r1"
            assert (await first.next("story")).id == "7"


async def test_many_cost_one(manager: MemoryManager, served: Served) -> None:
    looks = 0
    active = manager.active

    async def counted() -> list[Any]:
        nonlocal looks
        looks += 1
        return await active()

    manager.active = counted  # type: ignore[method-assign]
    async with served(manager) as url:
        listeners = [listening(url) for _ in range(10)]
        joined = await asyncio.gather(*(one.__aenter__() for one in listeners))
        before = looks
        told = await asyncio.gather(*(one.next("figures") for one in joined))
        assert len({event.data["at"] for event in told}) <= 2
        assert looks - before <= 3, "not once for each of the ten"
        await asyncio.gather(*(one.__aexit__(None, None, None) for one in listeners))


async def test_no_more_than_may(
    manager: MemoryManager, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "MOST_CLIENTS", 1)
    async with served(manager) as url, httpx.AsyncClient(base_url=url) as client:
        async with listening(url) as listener:
            await listener.next()
            refused = await client.get("/api/events")
            assert (refused.status_code, refused.json()["code"]) == (503, "too_many_clients")
            assert int(refused.headers["retry-after"]) > 0
        async with asyncio.timeout(20):
            while (await client.get("/metrics")).text.find("haven_event_clients 0.0") < 0:
                await asyncio.sleep(0.01)
        async with listening(url) as listener:
            assert (await listener.next()).name == "reset"


async def test_pages_that_may_change_nothing_hear_nothing(client: httpx.AsyncClient) -> None:
    foreign = {"Origin": "https://evil.example"}
    response = await client.get("/api/events", headers=foreign)
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    asked = {
        "Origin": "http://localhost:3000",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "x-api-key,last-event-id",
    }
    allowed = await client.options("/api/events", headers=asked)
    assert allowed.status_code == 200
