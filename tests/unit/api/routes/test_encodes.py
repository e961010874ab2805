"""/api/encodes: what is asked for reaches the queue, and rows become answers."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from orchestrator.api.schemas.common import example_of
from orchestrator.api.schemas.encodes import EncodedFile, EncodeProgress
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.settings import Settings
from tests.kit.api.callers import APP, calling
from tests.kit.api.memory import MINT, MemoryManager, recording

PATH = "/api/recordings/r1/encode"


@pytest.fixture(autouse=True)
def finished(manager: MemoryManager) -> None:
    manager.rows.append(recording(id="r1", state="completed", size_bytes=9))


async def test_queued_looked_up_and_cancelled(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    answer = await client.post(PATH, json={"pipeline": "mp4", "crf": 30, "replace": True})
    assert answer.status_code == 202
    queued = answer.json()
    assert (queued["state"], queued["recording_id"], queued["progress"]) == ("queued", "r1", None)
    assert queued["request"]["crf"] == 30
    (row,) = manager.encodes.rows
    row.state, row.progress = "running", example_of(EncodeProgress)
    found = (await client.get(f"/api/encodes/{row.id}")).json()
    assert (found["state"], found["progress"]["share"]) == ("running", 0.42)
    cancelled = await client.delete(f"/api/encodes/{row.id}")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    for method in ("GET", "DELETE"):
        unknown = await client.request(method, "/api/encodes/nothing")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "encode_not_found")


async def test_without_a_body_it_has_the_defaults(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    assert (await client.post(PATH)).status_code == 202
    assert EncodeOptions.from_dict(manager.encodes.rows[0].request) == EncodeOptions()


@pytest.mark.parametrize("asked", [True, False, None])
async def test_what_a_request_leaves_open_is_a_setting(
    client: httpx.AsyncClient, manager: MemoryManager, asked: bool | None
) -> None:
    manager.settings = manager.settings.model_copy(update={"encode_replace": True})
    encode = {} if asked is None else {"replace": asked}
    assert (await client.post(PATH, json=encode)).json()["request"]["replace"] == (
        asked is not False
    )
    body = {"mint_id": MINT, "encode": encode}
    assert (await client.post("/api/recording/start", json=body)).status_code == 200
    assert manager.requests[0].encode == EncodeOptions(replace=asked is not False)


async def test_one_page_of_them(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    for id in ("r1", "r2", "r3"):
        await manager.encodes.add(id, EncodeOptions())
    done = manager.encodes.rows[0]
    done.state, done.result = "completed", {"1": example_of(EncodedFile)}
    listed = (await client.get("/api/encodes?limit=2")).json()
    assert [row["recording_id"] for row in listed["encodes"]] == ["r3", "r2"]
    assert listed["total"] == 3
    assert listed["paused"] is None
    manager.encodes.pause_reason = "battery"
    of_one = (await client.get("/api/encodes?recording_id=r1&state=completed")).json()
    assert of_one["paused"] == "battery"
    assert of_one["encodes"][0]["files"] == [example_of(EncodedFile)]


async def test_the_queue_is_paused_and_resumed(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    paused = await client.put("/api/encodes/queue", json={"paused": True})
    assert (paused.status_code, paused.json()) == (200, {"success": True, "paused": "request"})
    assert (await client.get("/api/encodes")).json()["paused"] == "request"
    for body in ({}, {"paused": "perhaps"}, {"paused": None}):
        assert (await client.put("/api/encodes/queue", json=body)).status_code == 422
    assert manager.encodes.pause_reason == "request"
    resumed = await client.put("/api/encodes/queue", json={"paused": False})
    assert resumed.json()["paused"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"crf": -1}, "crf"),
        ({"crf": 30, "bitrate_bps": 100_000}, ""),
        ({"bitrate_bps": 5}, "bitrate_bps"),
        ({"quality": "ultra"}, "quality"),
    ],
)
async def test_bad_values_change_nothing(
    body: dict[str, Any], field: str, client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    refused = await client.post(PATH, json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "validation")
    assert [problem["field"] for problem in refused.json()["fields"]] == [field]
    start = {"mint_id": MINT, "encode": body}
    assert (await client.post("/api/recording/start", json=start)).status_code == 422
    assert manager.encodes.rows == []
    assert manager.requests == []


async def test_start_takes_one_along(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    body = {"mint_id": MINT, "encode": {"pipeline": "webm", "replace": True}}
    assert (await client.post("/api/recording/start", json=body)).status_code == 200
    assert manager.requests[0].encode == EncodeOptions(pipeline="webm", replace=True)


async def test_the_desktop_apps_pages_may_not(settings: Settings) -> None:
    app = settings.model_copy(update={"desktop_app": True})
    async with calling(app) as client:
        client.headers.update(APP)
        assert (await client.get("/api/recording/active")).status_code == 200
        for method, path in (
            ("POST", PATH),
            ("GET", "/api/encodes"),
            ("GET", "/api/encodes/x"),
            ("DELETE", "/api/encodes/x"),
            ("PUT", "/api/encodes/queue"),
        ):
            assert (await client.request(method, path)).status_code == 403
