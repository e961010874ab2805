"""/api/events over a real connection: what is sent when, and to a client that comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from orchestrator.api.monitoring import event_feed, event_hub, observer
from orchestrator.api.schemas.common import example_of
from orchestrator.api.schemas.encodes import EncodeProgress
from orchestrator.catalog.models import Event
from orchestrator.media import Stream
from orchestrator.outputs.specs import HlsOutput
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings
from tests.kit.api.callers import PAGE, calling
from tests.kit.api.memory import MINT, STARTED, MemoryManager, recording
from tests.kit.api.serving import Served
from tests.kit.api.sse import listening


def line(id: int, kind: str = "joined", **data: Any) -> Event:
    """One of the event log."""
    event = {"at": STARTED, "kind": kind, "message": f"line {id}", "data": data}
    return Event(id=id, recording_id="r1", **event)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams are asked for often."""
    monkeypatch.setattr(event_feed, "STREAMS_S", 0.05)


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
        event = await listener.next("story")
        assert (event.id, event.data["id"], event.data["recording_id"]) == ("7", 7, "r1")
        assert (event.data["level"], event.data["message"]) == ("warning", "line 7")
        row.state = "completed"
        ended = await listener.next("recording")
        assert (ended.data["state"], ended.data["id"]) == ("completed", "r1")
        manager.rows.append(recording("other", id="r2"))
        assert (await listener.next("recording")).data["id"] == "r2"
        manager.rows.pop()
        assert (await listener.next("deleted")).data == {"id": "r2"}
        manager.directory.streams = [Stream("new", "demo")]
        assert (await listener.next("streams")).data["streams"][0]["mint_id"] == "new"


async def test_encodes(manager: MemoryManager, served: Served) -> None:
    """The queue at first, then each change: another state, progress, its end, its deletion."""
    first = await manager.encodes.add("r1", EncodeOptions())
    async with served(manager) as url, listening(url) as listener:
        assert [e["id"] for e in (await listener.next()).data["encodes"]] == [first.id]
        second = await manager.encodes.add("r2", EncodeOptions())
        queued = await listener.next("encode")
        assert (queued.data["id"], queued.data["state"], queued.id) == (second.id, "queued", None)
        first.state, first.starts = "running", 1
        assert (await listener.next("encode")).data["state"] == "running"
        first.progress, first.progress_at = example_of(EncodeProgress), STARTED
        assert (await listener.next("encode")).data["progress"]["left_s"] == 174.2
        first.state = "completed"
        ended = await listener.next("encode")
        assert (ended.data["id"], ended.data["state"]) == (first.id, "completed")
        manager.encodes.rows.remove(second)
        third = await manager.encodes.add("r3", EncodeOptions())
        assert (await listener.next("encode")).data["id"] == third.id
        manager.encodes.pause_reason = "battery"
        assert (await listener.next("encode_queue")).data == {"paused": "battery"}
    async with served(manager) as url, listening(url) as listener:
        assert (await listener.next()).data["encode_queue"] == {"paused": "battery"}


async def test_outputs(manager: MemoryManager, served: Served) -> None:
    """Those there are at first, then each change: new figures, another state, an end."""
    manager.rows.append(row := recording(id="r1"))
    first = await manager.outputs.add("r1", HlsOutput(type="hls"))
    async with served(manager) as url, listening(url) as listener:
        assert [o["id"] for o in (await listener.next()).data["outputs"]] == [first.id]
        second = await manager.outputs.add("r1", HlsOutput(type="hls", low_latency=True))
        added = await listener.next("output")
        assert (added.data["id"], added.data["state"], added.id) == (second.id, "waiting", None)
        first.state, first.figures = "active", {"sent_bytes": 10}
        assert (await listener.next("output")).data["figures"] == {"sent_bytes": 10}
        first.figures = {"sent_bytes": 20}
        assert (await listener.next("output")).data["figures"] == {"sent_bytes": 20}
        row.state, second.state, second.error = "completed", "failed", "It is gone."
        ended = await listener.next("output")
        assert (ended.data["id"], ended.data["state"]) == (second.id, "failed")
        assert ended.data["error"]["error"] == "It is gone."
        manager.outputs.rows.remove(first)
        manager.rows.append(recording("other", id="r2"))
        third = await manager.outputs.add("r2", HlsOutput(type="hls"))
        assert (await listener.next("output")).data["id"] == third.id


async def test_who_comes_back(manager: MemoryManager, served: Served) -> None:
    manager.catalog.lines = [line(id) for id in (3, 5, 8)]
    async with served(manager) as url:
        async with listening(url) as listener:
            assert (await listener.next()).id == "8"
        manager.catalog.lines.append(line(9))
        async with listening(url, "5") as listener:
            events = [await listener.next() for _ in range(3)]
        assert [(e.name, e.id) for e in events] == [
            ("story", "8"),
            ("story", "9"),
            ("snapshot", "9"),
        ]
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
    monkeypatch.setattr(event_feed, "POLL_S", 600.0)
    async with served(manager) as url, listening(url) as first:
        await first.next("figures")  # the only look before the next one joins
        manager.catalog.lines.append(line(7))
        manager.rows.append(recording(id="r1"))
        async with listening(url) as second:
            assert (await second.next()).id == "7"
            assert (await first.next("recording")).data["id"] == "r1"
            assert (await first.next("story")).id == "7"


async def test_who_joins_is_told_what_ended_since_the_last_sample(
    manager: MemoryManager, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "PERIOD_S", 600.0)
    manager.rows.append(recording(id="r1"))
    async with served(manager) as url, listening(url) as first:
        await first.next("figures")
        manager.rows[0] = recording(id="r1", state="completed")
        assert (await first.next("recording")).data["state"] == "completed"
        async with listening(url) as second:
            sampled = await second.next()
            assert [row["state"] for row in sampled.data["recordings"]] == ["recording"]
            ended = await second.next("recording")
            assert (ended.data["id"], ended.data["state"]) == ("r1", "completed")


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
        figures = await asyncio.gather(*(one.next("figures") for one in joined))
        assert len({event.data["at"] for event in figures}) <= 2
        assert looks - before <= 3, "not once for each of the ten"
        await asyncio.gather(*(one.__aexit__(None, None, None) for one in listeners))


async def test_no_more_than_may(
    manager: MemoryManager, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_hub, "MOST_CLIENTS", 1)
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


FOREIGN = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
)
"""An EventSource of a page, one in a sandboxed frame, and images, which carry no Origin."""


async def test_foreign_pages_lock_nobody_out(manager: MemoryManager, served: Served) -> None:
    async with served(manager) as url, httpx.AsyncClient(base_url=url) as client:
        for foreign in FOREIGN * (event_hub.MOST_CLIENTS // len(FOREIGN) + 1):
            response = await client.get("/api/events", headers=foreign)
            assert (response.status_code, response.json()["code"]) == (403, "forbidden")
        async with listening(url) as listener:
            assert (await listener.next()).name == "reset"


async def test_an_allowed_page_may_send_its_key_and_come_back(open_to_a_page: Settings) -> None:
    asked = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "x-api-key,last-event-id",
    }
    async with calling(open_to_a_page) as client:
        assert (await client.options("/api/events", headers=asked)).status_code == 200


async def test_a_stream_that_is_added_is_there_at_once(
    manager: MemoryManager, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_feed, "STREAMS_S", 3600)
    async with served(manager) as url, listening(url) as listener:
        await listener.next("streams")
        manager.directory.named.put("lobby", StreamSettings(whep="https://media.example/lobby"))
        manager.streams.version += 1
        listed = (await listener.next("streams")).data["streams"]
        assert {each["mint_id"]: each["kind"] for each in listed} == {"lobby": "whep", MINT: None}
