"""GET /api/recordings/{id}/file: parts, conditions and names."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.api.errors import RangeNotSatisfiable
from orchestrator.api.file_responses import disposition, not_modified, understood_range
from orchestrator.catalog.outputs.model import OutputRow
from tests.kit.api.memory import MemoryManager, recording
from tests.kit.api.serving import Served
from tests.kit.uploads.rows import uploaded

CONTENT = random.Random(7).randbytes(700_001)
FILE = "/api/recordings/a1/file"


@pytest.fixture(autouse=True)
def rows(manager: MemoryManager, tmp_path: Path) -> None:
    """One finished recording with its file, and all that have none."""
    path = tmp_path / "Münze_🎥.av1"
    path.write_bytes(CONTENT)
    manager.rows += [
        recording(id="a1", state="completed", output_path=str(path)),
        recording("live", id="b2", state="recording", output_path=str(path)),
        recording("gone", id="c3", state="completed", output_path=str(tmp_path / "gone.mp4")),
        recording("folder", id="d4", state="completed", output_path=str(tmp_path)),
        recording("failed", id="e5", state="failed", output_path=str(tmp_path / "no.mp4")),
    ]


async def test_over_a_real_server(manager: MemoryManager, served: Served) -> None:
    async with served(manager) as url, httpx.AsyncClient(base_url=url) as web:
        assert (await web.get(FILE)).content == CONTENT
        part = await web.get(FILE, headers={"range": "bytes=300000-"})
        assert (part.status_code, part.content) == (206, CONTENT[300_000:])
        head = await web.head(FILE)
        assert (head.headers["content-length"], head.content) == (str(len(CONTENT)), b"")
        assert (await web.get(FILE, headers={"range": "bytes=-0"})).status_code == 416


async def test_whole(client: httpx.AsyncClient) -> None:
    response = await client.get(FILE)
    assert (response.status_code, response.content) == (200, CONTENT)
    assert response.headers["content-type"] == "video/mp4"
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["content-disposition"].startswith("inline; ")
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_head_tells_without_sending(client: httpx.AsyncClient) -> None:
    response = await client.head(FILE, headers={"range": "bytes=0-9"})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(len(CONTENT))
    assert response.headers["etag"]


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-299999", 100, 300_000),
        ("bytes=700000-", 700_000, 700_001),
        ("bytes=-5", 699_996, 700_001),
        ("bytes=5-99999999", 5, 700_001),
        ("bytes=-99999999", 0, 700_001),
        ("bytes=10-19,800000-", 10, 20),
    ],
)
async def test_parts(client: httpx.AsyncClient, asked: str, start: int, end: int) -> None:
    response = await client.get(FILE, headers={"range": asked})
    assert response.status_code == 206
    assert response.content == CONTENT[start:end]
    assert response.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
    assert response.headers["content-length"] == str(end - start)


async def test_several_parts(client: httpx.AsyncClient) -> None:
    response = await client.get(FILE, headers={"range": "bytes=0-9,-10"})
    assert response.status_code == 206
    assert response.headers["content-type"].startswith("multipart/byteranges; boundary=")
    assert CONTENT[:10] in response.content
    assert CONTENT[-10:] in response.content


@pytest.mark.parametrize("asked", ["bytes=700001-", "bytes=-0", "bytes=900000-900001"])
async def test_parts_that_are_not_there(client: httpx.AsyncClient, asked: str) -> None:
    response = await client.get(FILE, headers={"range": asked})
    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{len(CONTENT)}"
    assert response.json()["code"] == "range_not_satisfiable"


@pytest.mark.parametrize("asked", ["lines=0-9", "bytes=9-0", "bytes=", "bytes=a-b", "bytes", "x"])
async def test_what_is_not_understood_is_ignored(client: httpx.AsyncClient, asked: str) -> None:
    response = await client.get(FILE, headers={"range": asked})
    assert (response.status_code, len(response.content)) == (200, len(CONTENT))


async def test_if_range(client: httpx.AsyncClient) -> None:
    first = await client.head(FILE)
    part = {"range": "bytes=0-9"}
    for name in ("etag", "last-modified"):
        same = await client.get(FILE, headers=part | {"if-range": first.headers[name]})
        assert (same.status_code, same.content) == (206, CONTENT[:10])
    changed = await client.get(FILE, headers=part | {"if-range": '"other"'})
    assert (changed.status_code, len(changed.content)) == (200, len(CONTENT))
    behind = {"range": "bytes=9999999-", "if-range": '"other"'}
    assert (await client.get(FILE, headers=behind)).status_code == 200


async def test_not_modified(client: httpx.AsyncClient) -> None:
    first = await client.head(FILE)
    for name, header in (("etag", "if-none-match"), ("last-modified", "if-modified-since")):
        same = await client.get(FILE, headers={header: first.headers[name]})
        assert (same.status_code, same.content) == (304, b"")
        assert same.headers["etag"] == first.headers["etag"]
    assert (await client.get(FILE, headers={"if-none-match": '"other"'})).status_code == 200


async def test_download(client: httpx.AsyncClient) -> None:
    name = (await client.get(FILE, params={"download": "1"})).headers["content-disposition"]
    encoded = "M%C3%BCnze_%F0%9F%8E%A5.av1"
    assert name == f"attachment; filename=\"M_nze__.av1\"; filename*=UTF-8''{encoded}"


@pytest.mark.parametrize(
    ("id_", "status", "code", "words"),
    [
        ("b2", 409, "still_active", "stopped"),
        ("c3", 404, "file_missing", "No such file"),
        ("d4", 404, "file_missing", "not a regular file"),
        ("e5", 404, "file_missing", ".x.haven"),
        ("zz", 404, "recording_not_found", "zz"),
    ],
)
async def test_no_file(
    client: httpx.AsyncClient, id_: str, status: int, code: str, words: str
) -> None:
    response = await client.get(f"/api/recordings/{id_}/file")
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert words in response.json()["detail"]


async def test_type_of_a_pipeline_that_is_gone(
    client: httpx.AsyncClient, manager: MemoryManager, tmp_path: Path
) -> None:
    (tmp_path / "x.webm").write_bytes(b"x")
    row = recording("w", id="w6", state="completed", output_path=str(tmp_path / "x.webm"))
    row.pipeline = "gone"
    manager.rows.append(row)
    assert (await client.head("/api/recordings/w6/file")).headers["content-type"] == "video/webm"


async def test_one_that_was_deleted_here_is_played_from_where_it_was_uploaded(
    client: httpx.AsyncClient, manager: MemoryManager, tmp_path: Path
) -> None:
    """Whatever has its name now."""
    path = tmp_path / "again.mp4"
    path.write_bytes(b"another recording's")
    manager.rows.append(recording("w", id="w7", state="completed", output_path=str(path)))
    file = uploaded(OutputRow(id="o1"), path)
    manager.uploads.rows.append(file)
    manager.uploads.places[file.name] = there = "https://bucket.example.com/signed"
    assert (await client.get("/api/recordings/w7/file")).content == b"another recording's"
    file.removed_at = datetime.now(UTC)
    played = await client.get("/api/recordings/w7/file")
    assert (played.status_code, played.headers["location"]) == (307, there)


async def test_a_playlist_at_a_target_is_sent_and_what_it_names_is_led_to(
    client: httpx.AsyncClient, manager: MemoryManager, tmp_path: Path
) -> None:
    """So that relative addresses in it stay below ours, where each is signed."""
    (tmp_path / "video.m3u8").write_bytes(b"#EXTM3U\n1/0.m4s\n")
    manager.rows.append(recording("w", id="w8", state="recording"))
    there = "https://bucket.example.com/signed"
    manager.uploads.places |= {
        "hls/video.m3u8": tmp_path / "video.m3u8",
        "hls/1/0.m4s": there,
    }
    playlist = await client.get("/api/recordings/w8/uploads/hls/video.m3u8")
    assert (playlist.status_code, playlist.content) == (200, b"#EXTM3U\n1/0.m4s\n")
    assert playlist.headers["content-type"].startswith("application/vnd.apple.mpegurl")
    assert playlist.headers["cache-control"] == "no-store"
    piece = await client.get("/api/recordings/w8/uploads/hls/1/0.m4s")
    assert (piece.status_code, piece.headers["location"]) == (307, there)
    missing = await client.get("/api/recordings/w8/uploads/hls/other.m3u8")
    assert missing.status_code == 404


@given(st.text(max_size=40), st.integers(0, 100))
def test_any_header_is_understood_or_ignored(header: str, size: int) -> None:
    for asked in (header, f"bytes={header}"):
        try:
            understood = understood_range(asked, size)
        except RangeNotSatisfiable:
            continue
        assert understood is None or understood.startswith("bytes=")


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 40))
def test_ranges_within_are_kept(first: int, last: int, size: int) -> None:
    asked = f"bytes={first}-{last}"
    if last < first:
        assert understood_range(asked, size) is None
    elif first >= size:
        with pytest.raises(RangeNotSatisfiable):
            understood_range(asked, size)
    else:
        assert understood_range(asked, size) == asked


def test_endless_ranges_give_the_whole_file() -> None:
    assert understood_range("bytes=" + ",".join(["0-1"] * 17), 100) is None
    assert understood_range("bytes=" + "1" * 5000 + "-", 100) is None


@given(st.text(min_size=1, max_size=40))
def test_names_never_break_the_header(name: str) -> None:
    name = name.encode("utf-8", "replace").decode()
    header = disposition(name, download=True)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


def test_conditions_that_are_no_dates_are_ignored() -> None:
    date = "Sun, 01 Dec 2024 14:30:22 GMT"
    assert not_modified({"if-modified-since": "yesterday"}, '"e"', date) is False
    assert not_modified({"if-none-match": 'W/"e", "f"'}, '"e"', date) is True
    assert not_modified({"if-none-match": '"f"', "if-modified-since": date}, '"e"', date) is False
