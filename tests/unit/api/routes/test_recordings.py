"""/api/recordings: history, one recording, its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.catalog.models import File
from tests.kit.api.memory import MINT, STARTED, MemoryManager, recording


@pytest.fixture(autouse=True)
def rows(manager: MemoryManager) -> None:
    """Three recordings: two finished, one that runs."""
    done: dict[str, Any] = {
        "state": "completed",
        "duration_s": 120.5,
        "size_bytes": 7,
        "reason": "stopped",
    }
    manager.rows += [
        recording(id="a1", **done),
        recording("other", id="b2", state="failed", error="ffmpeg ended", error_code="x"),
        recording(id="c3", state="recording"),
    ]


async def test_a_file_that_an_encode_replaced_is_sent_as_what_it_is(
    client: httpx.AsyncClient, manager: MemoryManager, tmp_path: Path
) -> None:
    for name, kind in (("a.webm", "video/webm"), ("a.mp4", "video/mp4"), ("a.av1", "video/mp4")):
        path = tmp_path / name
        path.write_bytes(b"frames!")
        manager.rows[0].output_path = str(path)
        answer = await client.get("/api/recordings/a1/file")
        assert (answer.headers["content-type"], answer.content) == (kind, b"frames!")


async def test_newest_first_in_pages(client: httpx.AsyncClient) -> None:
    page = (await client.get("/api/recordings", params={"limit": 2})).json()
    assert [r["id"] for r in page["recordings"]] == ["c3", "b2"]
    assert (page["success"], page["total"], page["limit"], page["offset"]) == (True, 3, 2, 0)
    rest = (await client.get("/api/recordings", params={"limit": 2, "offset": 2})).json()
    assert [r["id"] for r in rest["recordings"]] == ["a1"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"state": "failed"}, ["b2"]),
        ({"mint_id": MINT}, ["c3", "a1"]),
        ({"mint_id": MINT, "state": "completed"}, ["a1"]),
        ({"mint_id": "nobody"}, []),
    ],
)
async def test_filters(client: httpx.AsyncClient, query: dict[str, str], ids: list[str]) -> None:
    page = (await client.get("/api/recordings", params=query)).json()
    assert [r["id"] for r in page["recordings"]] == ids
    assert page["total"] == len(ids)


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "offset=-1", "state=asleep"])
async def test_bad_pages(client: httpx.AsyncClient, query: str) -> None:
    response = await client.get(f"/api/recordings?{query}")
    assert response.status_code == 422
    assert response.json()["fields"][0]["field"] == query.partition("=")[0]


async def test_summary(client: httpx.AsyncClient) -> None:
    page = (await client.get("/api/recordings")).json()
    running, failed, done = page["recordings"]
    assert (done["duration_seconds"], done["file_size_bytes"]) == (120.5, 7)
    assert done["file_url"] == "/api/recordings/a1/file"
    assert done["created_at"] == "2024-12-01T14:30:22.000+00:00"
    assert (failed["error"], failed["file_url"]) == ("ffmpeg ended", None)
    assert (running["duration_seconds"], running["file_size_bytes"]) == (45.2, 11379200)
    assert running["file_url"] is None


async def test_details(client: httpx.AsyncClient) -> None:
    body = (await client.get("/api/recordings/a1")).json()
    assert body["success"] is True
    assert body["segments"][0]["video_frames"] == 3615
    assert body["events"][0] == {
        "id": 1,
        "level": "info",
        "at": "2024-12-01T14:30:22.000+00:00",
        "kind": "state",
        "message": "recording",
        "data": {"from": "starting"},
    }
    assert body["figures"]["video"]["received"] == 1360
    assert body["probe"] is None
    assert (body["files"], body["integrity"], body["sha256"]) == ([], None, None)


async def test_parts(client: httpx.AsyncClient, manager: MemoryManager, tmp_path: Path) -> None:
    for number, integrity in ((1, "whole"), (2, "incomplete")):
        path = tmp_path / f"x_part{number}.mp4"
        path.write_bytes(b"x" * number)
        made: dict[str, Any] = {
            "offset_s": 5.0 * number,
            "duration_s": 5.0,
            "made_at": STARTED,
            "sha256": "ab",
        }
        file = File(recording_id="a1", number=number, path=str(path), size_bytes=number, **made)
        file.integrity = integrity
        manager.catalog.added.append(file)
    body = (await client.get("/api/recordings/a1")).json()
    assert (body["integrity"], body["sha256"]) == ("incomplete", "ab")
    assert [(f["part"], f["offset_seconds"]) for f in body["files"]] == [(1, 5.0), (2, 10.0)]
    for file in body["files"]:
        assert (await client.get(file["file_url"])).content == b"x" * file["part"]
    missing = await client.get("/api/recordings/a1/file?part=3")
    assert (missing.status_code, missing.json()["code"]) == (404, "file_missing")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_unknown(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/api/recordings/nope")
    assert (response.status_code, response.json()["code"]) == (404, "recording_not_found")


async def test_delete(client: httpx.AsyncClient) -> None:
    running = await client.delete("/api/recordings/c3")
    assert (running.status_code, running.json()["code"]) == (409, "still_active")
    gone = await client.delete("/api/recordings/a1")
    assert gone.json() == {"success": True, "id": "a1"}
    assert (await client.get("/api/recordings/a1")).status_code == 404
