"""/api/recordings/{id}/sidecars: what lies beside a recording's file, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from orchestrator.api import growing_files
from orchestrator.catalog.sidecars.model import SidecarFile
from tests.kit.api.memory import STARTED, MemoryManager, recording

BASE = "/api/recordings/a1/sidecars"


def add(manager: MemoryManager, path: Path, name: str, kind: str, **columns: object) -> None:
    values = {"size_bytes": 7, "made_at": STARTED, "path": str(path)} | columns
    manager.sidecars.rows.append(SidecarFile(recording_id="a1", name=name, kind=kind, **values))


@pytest.fixture
def files(manager: MemoryManager, tmp_path: Path) -> Path:
    manager.rows.append(recording(id="a1", state="recording"))
    (tmp_path / "1.jpg").write_bytes(b"\xff\xd8image")
    (tmp_path / "data").write_bytes(b'{"a":1}\n')
    add(manager, tmp_path / "1.jpg", "talk.images/00000010.0.jpg", "image", at_s=10.0)
    add(manager, tmp_path / "data", "talk.data.jsonl", "data")
    return tmp_path


@pytest.mark.usefixtures("files")
async def test_listed_by_name_and_kind(client: httpx.AsyncClient) -> None:
    answer = (await client.get(BASE)).json()
    assert [one["name"] for one in answer["sidecars"]] == [
        "talk.images/00000010.0.jpg",
        "talk.data.jsonl",
    ]
    images = (await client.get(BASE, params={"kind": "image"})).json()
    (image,) = images["sidecars"]
    assert (image["at_s"], image["media_type"], image["sha256"]) == (10.0, "image/jpeg", None)
    assert images["total"] == 1
    assert (await client.get(BASE, params={"kind": "other"})).status_code == 422
    assert (await client.get("/api/recordings/zz/sidecars")).status_code == 404


@pytest.mark.usefixtures("files")
async def test_sent_as_what_it_is(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{BASE}/talk.images/00000010.0.jpg")
    assert (answer.content, answer.headers["content-type"]) == (b"\xff\xd8image", "image/jpeg")
    assert answer.headers["x-content-type-options"] == "nosniff"
    known = {"If-None-Match": answer.headers["etag"]}
    assert (
        await client.get(f"{BASE}/talk.images/00000010.0.jpg", headers=known)
    ).status_code == 304
    data = await client.get(f"{BASE}/talk.data.jsonl")
    assert data.headers["content-type"] == "application/x-ndjson"
    head = await client.head(f"{BASE}/talk.data.jsonl")
    assert (head.headers["content-length"], head.content) == ("8", b"")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("at_once", [0, 1000])
@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=1-2", 206, b'"a'),
        ("bytes=-3", 206, b"1}\n"),
        ("bytes=5-", 206, b"1}\n"),
        ("bytes=8-", 416, None),
        ("lines=1-2", 200, b'{"a":1}\n'),
    ],
)
async def test_ranges_of_small_and_of_large_ones(
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    at_once: int,
    asked: str,
    status: int,
    content: bytes | None,
) -> None:
    monkeypatch.setattr(growing_files, "AT_ONCE_BYTES", at_once)
    answer = await client.get(f"{BASE}/talk.data.jsonl", headers={"Range": asked})
    assert answer.status_code == status
    assert content is None or answer.content == content


async def test_of_one_that_grows_as_much_as_was_announced(
    client: httpx.AsyncClient, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is larger than its status says by the time it is sent."""
    read = growing_files.read_file

    def then_appended(path: Path) -> growing_files.ReadFile:
        file = read(path)
        with path.open("ab") as more:
            more.write(b"x" * 1000)
        return file

    monkeypatch.setattr(growing_files, "AT_ONCE_BYTES", 0)
    monkeypatch.setattr("orchestrator.api.routes.sidecars.read_file", then_appended)
    answer = await client.get(f"{BASE}/talk.data.jsonl")
    assert (answer.headers["content-length"], answer.content) == ("8", b'{"a":1}\n')


@pytest.mark.parametrize(
    "name",
    [
        *(
            "%2e%2e",
            "%2e%2e/talk.data.jsonl",
            "%2e%2e/%2e%2e/etc/passwd",
            "talk.images/%2e%2e/talk.data.jsonl",
            "a%00b",
        ),
        *(
            "/etc/passwd",
            "%2Fetc%2Fpasswd",
            "talk.images",
            "talk.images/",
            "TALK.data.jsonl",
            "%C3%A9",
        ),
        "talk.images%2F..%2F..%2F1.jpg",
    ],
)
async def test_only_names_that_are_listed(
    client: httpx.AsyncClient, files: Path, name: str
) -> None:
    url = httpx.URL(f"http://127.0.0.1{BASE}/x").copy_with(raw_path=f"{BASE}/{name}".encode())
    assert (await client.get(url)).status_code in (404, 422)


async def test_of_another_recording_or_gone(
    client: httpx.AsyncClient, manager: MemoryManager, files: Path
) -> None:
    manager.rows.append(recording(id="b2"))
    assert (await client.get("/api/recordings/b2/sidecars/talk.data.jsonl")).status_code == 404
    (files / "data").unlink()
    answer = await client.get(f"{BASE}/talk.data.jsonl")
    assert (answer.status_code, answer.json()["code"]) == (404, "file_missing")
    os.mkfifo(files / "data")
    assert (await client.get(f"{BASE}/talk.data.jsonl")).json()["code"] == "file_missing"
    (files / "data").unlink()
    (files / "data").symlink_to("/etc/hostname")
    assert (await client.get(f"{BASE}/talk.data.jsonl")).json()["code"] == "file_missing"
