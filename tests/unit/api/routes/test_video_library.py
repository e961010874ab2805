"""/api/videos, as the desktop app's hooks call it; the rows are in a real catalog."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from orchestrator.catalog.models import File
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.video_library import VideoLibrary
from orchestrator.settings import Settings
from tests.kit.api.memory import MemoryManager
from tests.kit.catalog.rows import NOON, recording

FIELDS = {
    *("id", "path", "title", "duration", "has_ai_data", "thumbnail_path", "position", "phash"),
    *("created_at", "updated_at", "file_size", "file_extension", "mime_type", "codec"),
    *("creator_handle", "source_uri", "analysis_model", "share_to_arkiv", "arkiv_entity_key"),
    *("mint_id", "filecoin_root_cid", "filecoin_piece_cid", "filecoin_piece_id"),
    *("filecoin_data_set_id", "filecoin_uploaded_at", "cid_hash", "is_encrypted"),
    "lit_encryption_metadata",
}
"""Of the app's frontend/src/types/video.ts and its server's VideoResponse."""

FIRST, PART, LAST = "/out/Füß chen#1.av1", "/out/Füß chen#1_part2.av1", "/out/b.webm"


@pytest.fixture
async def manager(settings: Settings, catalog: Catalog) -> MemoryManager:
    """Three files: two of one coin, the recording of which goes on, and one of another."""
    made = MemoryManager(settings)
    made.library = VideoLibrary(catalog)
    coin = {"name": "Coin", "symbol": "C", "image_uri": "https://i.example/1.png", "creator": "me"}
    await catalog.create(recording("1", "mint1", stream=coin, state="recording"))
    other: dict[str, Any] = {"stream": {"name": None}, "pipeline": "webm", "state": "completed"}
    await catalog.create(recording("2", "mint2", **other))
    for minute, (id, number, path) in enumerate([("1", 1, FIRST), ("1", 2, PART), ("2", 1, LAST)]):
        await catalog.put_file(
            File(
                recording_id=id,
                number=number,
                path=path,
                offset_s=0.0,
                duration_s=None if path == LAST else 59.6,
                size_bytes=1000 + minute,
                probe={"video": {"codec": "av1"}} if id == "1" else None,
                made_at=NOON + timedelta(minutes=minute),
            )
        )
    return made


def address(path: str, more: str = "") -> str:
    """As the app writes it: encodeURIComponent."""
    return f"/api/videos/{quote(path, safe='')}{more}"


async def paths(client: httpx.AsyncClient) -> list[str]:
    return [video["path"] for video in (await client.get("/api/videos/")).json()]


async def test_a_video_has_what_the_app_reads(client: httpx.AsyncClient) -> None:
    last, part, first = (await client.get("/api/videos/")).json()
    assert set(first) == FIELDS
    assert (first["path"], part["path"], last["path"]) == (FIRST, PART, LAST)
    assert first["title"].startswith("Coin, 2026-01-")
    assert part["title"] == f"{first['title']}, part 2"
    assert (first["duration"], first["file_size"], last["duration"]) == (60, 1000, 0)
    assert (first["file_extension"], first["mime_type"]) == ("av1", "video/mp4")
    assert (last["file_extension"], last["mime_type"]) == ("webm", "video/webm")
    assert (first["codec"], last["codec"], first["creator_handle"]) == ("av1", None, "me")
    assert first["created_at"] == "2026-01-02T12:00:00.000+00:00"
    assert (first["has_ai_data"], first["share_to_arkiv"], first["is_encrypted"]) == (False,) * 3
    assert (first["position"], first["mint_id"], last["thumbnail_path"]) == (0, "mint1", None)
    thumbnail = "http://127.0.0.1:8000/api/recordings/1/thumbnail.jpg"
    assert (first["thumbnail_path"], part["thumbnail_path"]) == (thumbnail, f"{thumbnail}?part=2")
    ids = {each["id"] for each in (first, part, last)}
    assert len(ids) == 3
    assert all(0 < id < 2**53 for id in ids)
    limited = await client.get("/api/videos/?skip=1&limit=1")
    assert [video["path"] for video in limited.json()] == [PART]


async def test_groups(client: httpx.AsyncClient) -> None:
    first, second = (await client.get("/api/videos/grouped")).json()
    assert first["token_info"] == {
        "mint_id": "mint1",
        "name": "Coin",
        "symbol": "C",
        "image_uri": "https://i.example/1.png",
        "thumbnail": None,
    }
    assert [video["path"] for video in first["videos"]] == [PART, FIRST]
    assert (first["recording_count"], second["recording_count"]) == (2, 1)
    assert first["latest_recording_date"] == "2026-01-02T12:01:00.000+00:00"
    assert second["token_info"]["name"] is None


async def test_taken_out_and_shown_again(client: httpx.AsyncClient, catalog: Catalog) -> None:
    answer = await client.delete(address(FIRST))
    assert (answer.status_code, answer.json()["message"]) == (200, "Video deleted successfully")
    assert await paths(client) == [LAST, PART]
    assert len(await catalog.files("1")) == 2, "the recording keeps its file"
    posted = {"path": FIRST, "title": "x.av1", "duration": 120, "has_ai_data": False}
    again = await client.post("/api/videos/", json=posted | {"thumbnail_path": None})
    assert (again.status_code, again.json()["path"]) == (200, FIRST)
    assert await paths(client) == [LAST, PART, FIRST]


async def test_moved_to_the_front(client: httpx.AsyncClient) -> None:
    for path in (FIRST, PART):
        answer = await client.put(address(path, "/move-to-front"))
        assert answer.json()["message"] == "Video moved to front successfully"
    assert await paths(client) == [PART, FIRST, LAST]


async def test_an_upload_is_remembered(client: httpx.AsyncClient, catalog: Catalog) -> None:
    fields = {"root_cid": "bafy1", "piece_cid": "baga1", "piece_id": 3, "data_set_id": "7"}
    more = {"transaction_hash": "0x1", "is_encrypted": True, "lit_encryption_metadata": "{}"}
    answer = await client.put(address(FIRST, "/filecoin-metadata"), json=fields | more)
    assert answer.status_code == 200
    (row,) = [file for file in await catalog.files("1") if file.number == 1]
    assert row.remembered["transaction_hash"] == "0x1"
    await catalog.put_file(File(**_columns(row)))  # a worker that writes it again
    (video,) = [v for v in (await client.get("/api/videos/")).json() if v["path"] == FIRST]
    assert (video["filecoin_root_cid"], video["filecoin_piece_id"]) == ("bafy1", 3)
    assert (video["is_encrypted"], video["lit_encryption_metadata"]) == (True, "{}")
    assert video["cid_hash"] == hashlib.sha256(b"bafy1").hexdigest()
    assert video["filecoin_uploaded_at"].endswith("+00:00")


def _columns(file: File) -> dict[str, Any]:
    names = ("recording_id", "number", "path", "offset_s", "duration_s", "size_bytes", "made_at")
    return {name: getattr(file, name) for name in names}


async def test_the_players_requests(client: httpx.AsyncClient) -> None:
    assert (await client.get(address(FIRST, "/timestamps/"))).json() == []


async def test_what_no_recording_made_is_not_found(client: httpx.AsyncClient) -> None:
    filecoin = {"root_cid": "b", "piece_cid": "b", "data_set_id": "1"}
    answers = [
        await client.delete(address("/etc/passwd")),
        await client.put(address("/nowhere", "/move-to-front")),
        await client.get(address("/nowhere", "/timestamps/")),
        await client.put(address("/nowhere", "/filecoin-metadata"), json=filecoin),
        await client.post("/api/videos/", json={"path": "/home/me/film.mp4"}),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert {answer.json()["code"] for answer in answers} == {"video_not_found"}
