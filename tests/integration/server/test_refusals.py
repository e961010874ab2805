"""Bad input over HTTP, with everything real behind it: the right code, a reason, nothing left."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.server.manager import create_manager
from orchestrator.settings import Settings
from tests.kit.api.serving import serving
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.managing import nothing_left
from tests.kit.signals.reading import read
from tests.unit.api.routes.test_document_example import (
    PYTHON,
    example_for,
    port_if_free,
    run_example,
)

pytestmark = pytest.mark.livekit

START = "/api/recording/start"
STRANGE = "../../x\n💥"
"""A stream's name; LiveKit lets a room be called nearly anything."""


@pytest.fixture
def settings(settings_for: Callable[..., Settings]) -> Settings:
    return settings_for(connect_timeout_s=3)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a real server around a real manager."""
    async with (
        serving(create_manager(settings)) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as client,
    ):
        yield client
    await nothing_left()


async def refused(client: httpx.AsyncClient, status: int, **body: Any) -> dict[str, Any]:
    """The answer to a /start that has to fail so; nothing may be active after it."""
    answer = await client.post(START, json=body)
    found: dict[str, Any] = answer.json()
    assert answer.status_code == status, found
    assert found["success"] is False
    assert found["error"]
    assert found["detail"]
    assert (await client.get("/api/recording/active")).json()["count"] == 0
    return found


async def test_ids(client: httpx.AsyncClient) -> None:
    for impossible in ("", "a\0b", "x" * 10_000, "a\nb"):
        await refused(client, 422, mint_id=impossible)
    for not_live in ("nobody", "../../etc/passwd", "a/b", "💥", "x" * 256):
        found = await refused(client, 404, mint_id=not_live)
        assert found["error"].startswith("Stream not found or not live for mint_id: ")


async def test_unknown_words(client: httpx.AsyncClient) -> None:
    for field, value in (
        ("output_format", "avi"),
        ("video_quality", "ultra"),
        ("audio_quality", ""),
        ("pipeline", "../secret"),
        ("mint_id", 5),
    ):
        found = await refused(client, 422, **({"mint_id": "room"} | {field: value}))
        assert field in f"{found['error']} {found['detail']}"


async def test_output_directories(
    client: httpx.AsyncClient, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    outside = tmp_path / "link"
    outside.symlink_to("/usr")
    missing = str(tmp_path / "missing")
    for bad, said in (
        (str(file), "Path is not a directory"),
        (missing, missing),
        ("relative/folder", "relative/folder"),
        ("/usr", "/usr is not allowed"),
        (str(outside), "/usr is not allowed"),
    ):
        found = await refused(client, 400, mint_id="room", output_directory=bad)
        assert said in f"{found['error']} {found['detail']}"
    assert not (tmp_path / "missing").exists()


async def test_malformed_bodies(client: httpx.AsyncClient) -> None:
    for text in ("{", "[]", '"x"', ""):
        answer = await client.post(
            START, content=text, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 422
        assert answer.json()["success"] is False


async def test_a_muted_room(client: httpx.AsyncClient, livekit_server: Server) -> None:
    async with publish(livekit_server, "muted", video=None) as publisher:
        assert publisher.audio_track is not None
        publisher.audio_track.mute()
        found = await refused(client, 504, mint_id="muted")
    assert "is muted (microphone" in found["error"]


async def test_a_strange_name_stays_in_its_folder_however_often_it_is_stopped(
    client: httpx.AsyncClient, livekit_server: Server, settings: Settings
) -> None:
    room = STRANGE.replace("\n", "")
    body = {"mint_id": room, "output_format": "mp4"}
    async with publish(livekit_server, room):
        started = await client.post(START, json=body)
        assert started.status_code == 200, started.text
        assert (await client.post(START, json=body)).status_code == 409
        stops = [client.post("/api/recording/stop", json=body) for _ in range(2)]
        answers = await asyncio.gather(*stops)
        again = await client.post("/api/recording/stop", json=body)
    assert {answer.status_code for answer in answers} <= {200, 404}
    assert (again.status_code, again.json()["success"]) == (404, False)
    ended = next(answer.json() for answer in answers if answer.status_code == 200)
    path = Path(ended["final_path"])
    assert path.parent == settings.output_directory.resolve()
    assert read(path).codes


async def test_a_broken_pipeline_leaves_the_others_working(
    settings_for: Callable[..., Settings], livekit_server: Server, tmp_path: Path
) -> None:
    folder = tmp_path / "presets"
    folder.mkdir()
    (folder / "broken.py").write_text("def build(job:\n", encoding="utf-8")
    (folder / "nothing.py").write_text(
        'EXTENSION, CONTAINER, VIDEO_CODEC, AUDIO_CODEC = "mp4", "mp4", "libx264", "aac"\n'
        "def build(job):\n    return None\n",
        encoding="utf-8",
    )
    manager = create_manager(settings_for(pipelines_directory=folder))
    async with (
        publish(livekit_server, "presets"),
        serving(manager) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as client,
    ):
        found = await refused(client, 503, mint_id="presets", pipeline="broken")
        assert "broken.py" in found["detail"]
        assert "broken.py:1" in found["detail"] or "line 1" in found["detail"]
        found = await refused(client, 503, mint_id="presets", pipeline="nothing")
        assert "nothing.py" in found["detail"]
        body = {"mint_id": "presets", "output_format": "mp4"}
        assert (await client.post(START, json=body)).status_code == 200
        assert (await client.post("/api/recording/stop", json=body)).status_code == 200
    await nothing_left()


async def test_no_ffmpeg_and_one_without_the_encoder(
    settings_for: Callable[..., Settings], livekit_server: Server, tmp_path: Path
) -> None:
    poor = tmp_path / "ffmpeg"
    poor.write_text("#!/bin/sh\necho ffmpeg version 8.0\n", encoding="utf-8")
    poor.chmod(poor.stat().st_mode | stat.S_IXUSR)
    for ffmpeg, said in ((tmp_path / "missing", "FFmpeg not found"), (poor, "libx264")):
        manager = create_manager(settings_for(ffmpeg=ffmpeg))
        async with (
            publish(livekit_server, "no ffmpeg"),
            serving(manager) as url,
            httpx.AsyncClient(base_url=url, timeout=60) as client,
        ):
            found = await refused(client, 503, mint_id="no ffmpeg", output_format="mp4")
            assert said in f"{found['error']} {found['detail']}"


@pytest.mark.parametrize("what", ["secret", "url"])
async def test_a_wrong_key_and_a_server_that_is_down(
    settings_for: Callable[..., Settings], what: str
) -> None:
    wrong = {"secret": {"livekit_api_secret": "x" * 32}, "url": {"livekit_url": "ws://127.0.0.1:9"}}
    manager = create_manager(settings_for(**wrong[what]))
    async with (
        serving(manager) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as client,
    ):
        found = await refused(client, 502, mint_id="any")
    assert "LiveKit" in found["error"]


async def test_a_full_disk_is_refused(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    manager = create_manager(settings_for(disk_reserve_bytes=2**60))
    async with (
        publish(livekit_server, "full"),
        serving(manager) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as client,
    ):
        await refused(client, 507, mint_id="full")


async def test_the_documents_python_example_records_a_real_room(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    mint = "V5cCiSixPLAiEDX2zZquT5VuLm4prr5t35PWmjNpump"
    async with (
        publish(livekit_server, mint),
        serving(create_manager(settings_for()), port_if_free()) as url,
    ):
        printed = await run_example(example_for(url, PYTHON))
    lines = printed.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "Recording started",
        "Recording status",
        "Recording stopped",
    ]
    assert all("'success': True" in line for line in lines)
    assert "'is_recording': True" in lines[1]
    await nothing_left()
