"""/api/recordings/{id}/thumbnail.jpg and /api/recording/preview/{mint_id}.jpg."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from orchestrator.recordings.job import runtime_directory
from tests.kit.api.memory import MemoryManager, recording
from tests.kit.mediafiles.synthetic import Film, VideoTrack, times

THUMBNAIL = "/api/recordings/a1/thumbnail.jpg"


@pytest.fixture(autouse=True)
def film(manager: MemoryManager, tmp_path: Path) -> Path:
    """A finished recording with a frame, and one that runs."""
    path = Film(tmp_path / "film.mp4", "mp4", VideoTrack(times(0.2))).write()
    manager.rows += [
        recording("done", id="a1", state="completed", output_path=str(path)),
        recording("a/live", id="b2", state="recording", output_path=str(path)),
    ]
    return path


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of the recording that runs."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = runtime_directory("b2")
    folder.mkdir()
    return folder


async def test_thumbnail_is_sent_once(client: httpx.AsyncClient, film: Path) -> None:
    first = await client.get(THUMBNAIL)
    assert (first.status_code, first.headers["content-type"]) == (200, "image/jpeg")
    assert first.content.startswith(b"\xff\xd8")
    film.unlink()
    assert (await client.get(THUMBNAIL)).json()["code"] == "file_missing"


async def test_a_known_one_is_not_sent_again(client: httpx.AsyncClient) -> None:
    etag = (await client.get(THUMBNAIL)).headers["etag"]
    again = await client.get(THUMBNAIL, headers={"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    other = await client.get(THUMBNAIL, headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


async def test_a_file_that_changed_has_another_frame(client: httpx.AsyncClient, film: Path) -> None:
    etag = (await client.get(THUMBNAIL)).headers["etag"]
    film.write_bytes(b"no film any more")
    changed = await client.get(THUMBNAIL, headers={"If-None-Match": etag})
    assert (changed.status_code, changed.json()["code"]) == (404, "no_video")


async def test_no_thumbnail(client: httpx.AsyncClient) -> None:
    running = await client.get("/api/recordings/b2/thumbnail.jpg")
    assert (running.status_code, running.json()["code"]) == (409, "still_active")
    unknown = await client.get("/api/recordings/zz/thumbnail.jpg")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "recording_not_found")


async def test_preview(client: httpx.AsyncClient, runtime: Path) -> None:
    (runtime / "preview.jpg").write_bytes(b"\xff\xd8 an image")
    first = await client.get("/api/recording/preview/a/live.jpg")
    assert (first.status_code, first.content) == (200, b"\xff\xd8 an image")
    assert (runtime / "preview.wanted").exists()
    known = {"If-None-Match": first.headers["etag"]}
    assert (await client.get("/api/recording/preview/a/live.jpg", headers=known)).status_code == 304


async def test_no_preview(client: httpx.AsyncClient) -> None:
    idle = await client.get("/api/recording/preview/done.jpg")
    assert (idle.status_code, idle.json()["code"]) == (404, "no_video")
    assert "done is not being recorded" in idle.json()["error"]


async def test_audio_only_has_no_preview(
    client: httpx.AsyncClient, manager: MemoryManager, runtime: Path
) -> None:
    (runtime / "preview.jpg").write_bytes(b"of another life")
    manager.rows[-1].figures = {"video": {"written": 0}}
    silent = await client.get("/api/recording/preview/a/live.jpg")
    assert (silent.status_code, silent.json()["code"]) == (404, "no_video")
    assert "audio only" in silent.json()["detail"]
    assert not (runtime / "preview.wanted").exists()
