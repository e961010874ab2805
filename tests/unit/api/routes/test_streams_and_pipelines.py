"""/api/streams and /api/pipelines."""

from __future__ import annotations

import shlex

import httpx
import pytest

from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.errors import FFmpegNotFound
from orchestrator.media import Stream
from tests.kit.api.memory import MemoryManager


async def test_streams(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    manager.directory.streams = [
        Stream("a", "livekit", name="A", symbol="S", num_participants=9),
        Stream("b", "demo"),
    ]
    body = (await client.get("/api/streams")).json()
    assert (body["success"], body["count"]) == (True, 2)
    first, second = body["streams"]
    assert (first["mint_id"], first["discovery"], first["num_participants"]) == ("a", "livekit", 9)
    assert second["name"] is None
    assert (await client.get("/api/streams?limit=1")).json()["count"] == 1
    assert (await client.get("/api/streams?limit=0")).status_code == 422


async def test_pipelines(client: httpx.AsyncClient) -> None:
    body = (await client.get("/api/pipelines")).json()
    assert [p["name"] for p in body["pipelines"]] == ["av1", "mp4", "webm"]
    assert body["pipelines"][0]["speeds"] == ["slow", "fast"]
    assert body["failures"] == [
        {
            "name": "mine",
            "file": "/presets/mine.py",
            "line": 12,
            "message": "NameError: name 'x' is not defined",
        }
    ]


async def test_pipeline_shows_the_command(client: httpx.AsyncClient) -> None:
    query: dict[str, str | int] = {"width": 640, "height": 360, "quality": "low"}
    body = (await client.get("/api/pipelines/mp4", params=query)).json()
    assert body["argv"][0] == "/opt/ffmpeg"
    assert {"libx264", "input.nut", "output.mp4"} <= set(body["argv"])
    assert shlex.split(body["command"].replace("\\\n", "")) == body["argv"]
    assert body["settings"] == {
        "width": 640,
        "height": 360,
        "quality": "low",
        "speed": 1,
        "video_bitrate_bps": 500_000,
        "audio_bitrate_bps": 64_000,
    }
    assert (body["usable"], body["problem"]) == (True, None)


async def test_a_pipeline_that_copies_has_no_command(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    manager.pipelines = Pipelines.load(None)
    body = (await client.get("/api/pipelines/copy")).json()
    assert (body["settings"], body["argv"], body["command"]) == (None, None, None)
    assert (body["copies"], body["format"]) == (True, "mkv")
    assert body["formats"] == ["mkv", "webm", "mp4"]
    listed = {p["name"]: p for p in (await client.get("/api/pipelines")).json()["pipelines"]}
    assert [name for name, one in listed.items() if one["copies"]] == ["copy"]
    assert listed["av1-svt"]["formats"] == ["av1"]


async def test_pipeline_says_what_is_missing(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    body = (await client.get("/api/pipelines/webm")).json()
    assert body["usable"] is False
    assert "libvpx-vp9" in body["problem"]
    manager.no_ffmpeg = FFmpegNotFound("Nothing was found.")
    body = (await client.get("/api/pipelines/webm")).json()
    assert (body["usable"], body["argv"][0]) == (False, "ffmpeg")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("none", 422, "Use one of: av1, mp4, webm."),
        ("mine", 503, "mine.py:12"),
        ("mp4?width=641", 422, "multiple of 2"),
        ("mp4?speed=7", 422, "no speed 7"),
        ("mp4?quality=ultra", 422, "'best'"),
    ],
)
async def test_pipeline_refusals(
    client: httpx.AsyncClient, path: str, status: int, words: str
) -> None:
    response = await client.get(f"/api/pipelines/{path}")
    assert response.status_code == status
    assert words in response.json()["detail"]
