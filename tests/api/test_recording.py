"""/api/recording, field by field: the Recording API document's answers and the app's additions."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import httpx
import pytest

from orchestrator.catalog.models import Recording
from orchestrator.errors import FFmpegNotFound, InvalidOutputDirectory, SettingsError, Unavailable
from orchestrator.recordings.request import StartRequest
from tests.api.memory import MINT, MemoryManager, recording

DOCUMENT_START = {
    "mint_id": MINT,
    "output_format": "av1",
    "video_quality": "high",
    "audio_quality": "high",
}
START = "/api/recording/start"


async def test_start_answers_the_document(client: httpx.AsyncClient) -> None:
    response = await client.post(START, json=DOCUMENT_START)
    body = response.json()
    assert response.status_code == 200
    assert body["success"] is True
    assert body["mint_id"] == body["recording_id"] == MINT
    assert body["output_path"].endswith(".av1")
    assert body["stream_info"] == {
        "name": "Example Coin",
        "symbol": "EXC",
        "num_participants": 150,
    }
    wanted = {"output_format": "av1", "video_quality": "high", "audio_quality": "high"}
    assert wanted.items() <= body["config"].items()


async def test_start_answers_the_app(client: httpx.AsyncClient) -> None:
    body = (await client.post(START, json=DOCUMENT_START)).json()
    assert body["state"] == "recording"
    assert body["is_recording"] is True
    assert body["start_time"] == "2024-12-01T14:30:22.000+00:00"
    assert body["id"] != MINT


async def test_start_defaults(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    await client.post(START, json={"mint_id": MINT})
    assert manager.requests == [StartRequest(MINT, "av1", None, "high", "high", None)]


async def test_pipeline_decides_the_format(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    await client.post(START, json={"mint_id": MINT, "pipeline": "mp4"})
    both = {"mint_id": MINT, "pipeline": "mp4", "output_format": "mp4"}
    await client.post(START, json=both)
    formats = [(r.pipeline, r.output_format) for r in manager.requests]
    assert formats == [("mp4", None), ("mp4", "mp4")]


@pytest.mark.parametrize(
    ("sent", "format_", "quality"),
    [
        ({"output_format": "av1", "video_quality": "medium"}, "av1", "medium"),
        ({"output_format": "webm", "video_quality": "best"}, "webm", "high"),
        ({"output_format": "h264"}, "mp4", "high"),
        ({"output_format": "vp9", "output_directory": None}, "webm", "high"),
        ({"output_format": None}, "av1", "high"),
    ],
)
async def test_what_builds_of_the_app_send(
    client: httpx.AsyncClient, sent: dict[str, str], format_: str, quality: str
) -> None:
    body = (await client.post(START, json={"mint_id": MINT, **sent})).json()
    assert (body["config"]["output_format"], body["config"]["video_quality"]) == (format_, quality)


@pytest.mark.parametrize("field", ["video_quality", "audio_quality", "output_format"])
async def test_unknown_words_are_refused(client: httpx.AsyncClient, field: str) -> None:
    response = await client.post(START, json={"mint_id": MINT, field: "ultra"})
    assert response.status_code == 422
    assert field in response.json()["error"]
    assert "ultra" in response.json()["error"]
    known = "webm" if field == "output_format" else "medium"
    assert known in response.json()["detail"]


async def test_the_documents_errors(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    unknown = await client.post(START, json={"mint_id": "xyz"})
    assert unknown.status_code == 404
    assert unknown.json()["error"] == "Stream not found or not live for mint_id: xyz"
    await client.post(START, json=DOCUMENT_START)
    again = await client.post(START, json=DOCUMENT_START)
    assert again.status_code == 409
    assert again.json()["error"] == f"Recording already active for {MINT}"
    manager.raises = FFmpegNotFound()
    without = await client.post(START, json=DOCUMENT_START)
    assert without.status_code == 503
    words = "FFmpeg not found. Please install FFmpeg to create AV1 videos."
    assert without.json()["error"] == words
    manager.raises = InvalidOutputDirectory("Path is not a directory")
    nowhere = await client.post(START, json=DOCUMENT_START | {"output_directory": "/etc/passwd"})
    assert nowhere.status_code == 400
    assert nowhere.json()["error"] == "Path is not a directory"
    for answer in (unknown, again, without, nowhere):
        assert answer.json()["success"] is False
        # The app shows detail alone.
        assert answer.json()["detail"].startswith(answer.json()["error"])


async def test_full_server_says_when_to_come_back(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    manager.raises = Unavailable("No capacity", retry_after_s=4.2, ratio=float("inf"), p=Path("/x"))
    response = await client.post(START, json=DOCUMENT_START)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.json()["context"] == {"retry_after_s": 4.2, "ratio": None, "p": "/x"}


async def test_errors_of_any_kind_know_their_status(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    manager.raises = SettingsError("odd", "Mend it.")
    response = await client.post(START, json=DOCUMENT_START)
    assert response.status_code == 500
    assert response.json() == {
        "success": False,
        "error": "odd",
        "detail": "odd. Mend it.",
        "code": "settings",
        "fields": None,
        "context": None,
    }


async def test_stop_answers_both(client: httpx.AsyncClient) -> None:
    started = (await client.post(START, json=DOCUMENT_START)).json()
    response = await client.post("/api/recording/stop", json={"mint_id": MINT})
    body = response.json()
    assert response.status_code == 200
    assert body["success"] is True
    assert body["mint_id"] == body["recording_id"] == MINT
    assert body["final_path"] == body["output_path"] == started["output_path"]
    assert body["duration_seconds"] == 120.5
    assert body["file_size_bytes"] == 15728640
    assert (body["state"], body["is_recording"]) == ("completed", False)


async def test_nothing_to_stop(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/recording/stop", json={"mint_id": MINT})
    assert response.status_code == 404
    assert response.json()["code"] == "nothing_to_stop"


async def test_status_answers_the_document(client: httpx.AsyncClient) -> None:
    await client.post(START, json=DOCUMENT_START)
    body = (await client.get(f"/api/recording/status/{MINT}")).json()
    assert body["mint_id"] == MINT
    assert body["is_recording"] is True
    assert datetime.fromisoformat(body["start_time"]).utcoffset() is not None
    assert body["start_time"].endswith("+00:00")
    assert body["output_path"].endswith(".av1")
    assert body["duration_seconds"] == 45.2
    assert (body["video_codec"], body["audio_codec"]) == ("libaom-av1", "aac")
    assert body["error"] is None
    assert (body["success"], body["state"]) == (True, "recording")


async def test_status_has_the_live_figures(client: httpx.AsyncClient) -> None:
    await client.post(START, json=DOCUMENT_START)
    body = (await client.get(f"/api/recording/status/{MINT}")).json()
    wanted = {
        "fps": 29.97,
        "speed": 0.99,
        "bitrate_bps": 2014000.0,
        "file_size_bytes": 11379200,
        "frames_received": 1360,
        "frames_written": 1356,
        "frames_dropped": 4,
        "cpu_cores": 1.25,
        "memory_bytes": 300,
        "connection": "connected",
        "participants": 151,
        "packets_lost": 3,
        "packets_received": None,
        "warnings": ["The video is muted; the picture is black."],
    }
    assert {key: body[key] for key in wanted} == wanted
    assert body["figures"]["queue"]["bytes"] == body["queue_bytes"] == 1382400


@pytest.mark.parametrize("mint_id", ["nobody", "room/with/slashes", "🎥 room", "%2e%2e"])
async def test_status_of_the_unknown_is_no_error(client: httpx.AsyncClient, mint_id: str) -> None:
    response = await client.get(f"/api/recording/status/{mint_id.replace('%', '%25')}")
    body = response.json()
    assert response.status_code == 200
    assert (body["success"], body["is_recording"], body["state"]) == (True, False, "stopped")
    assert body["mint_id"] == mint_id
    assert body["output_path"] is None


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (recording(state="starting", started_at=None), ("starting", False)),
        (recording(state="recording"), ("recording", True)),
        # The app would take these two for the end, and stop asking.
        (recording(state="reconnecting"), ("recording", True)),
        (recording(state="starting"), ("recording", True)),
        (recording(state="stopping"), ("stopping", False)),
    ],
)
async def test_state_as_the_app_reads_it(
    client: httpx.AsyncClient, manager: MemoryManager, row: Recording, told: tuple[str, bool]
) -> None:
    manager.rows.append(row)
    body = (await client.get(f"/api/recording/status/{MINT}")).json()
    assert (body["state"], body["is_recording"]) == told
    assert body["recording_state"] == row.state


async def test_idle_status_says_why_the_last_one_failed(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    manager.rows.append(recording(state="failed", error="ffmpeg ended 5 times"))
    body = (await client.get(f"/api/recording/status/{MINT}")).json()
    assert (body["state"], body["error"]) == ("stopped", "ffmpeg ended 5 times")


async def test_active_answers_both(client: httpx.AsyncClient) -> None:
    empty = (await client.get("/api/recording/active")).json()
    assert empty == {"success": True, "active_recordings": {}, "recordings": {}, "count": 0}
    await client.post(START, json=DOCUMENT_START)
    body = (await client.get("/api/recording/active")).json()
    assert body["count"] == 1
    assert body["recordings"] == body["active_recordings"]
    one = body["active_recordings"][MINT]
    assert (one["mint_id"], one["is_recording"], one["state"]) == (MINT, True, "recording")
    assert one["start_time"].endswith("+00:00")
    assert (one["stream_info"]["name"], one["stream_info"]["symbol"]) == ("Example Coin", "EXC")
    codecs = {"format": "av1", "video_codec": "libaom-av1", "audio_codec": "aac"}
    assert codecs.items() <= one["config"].items()


async def test_output_directory(client: httpx.AsyncClient, tmp_path: Path) -> None:
    there = (await client.get("/api/recording/output-directory")).json()
    assert there == {
        "success": True,
        "output_directory": str(tmp_path),
        "exists": True,
        "writable": True,
    }
    set_to = {"directory": str(tmp_path)}
    chosen = await client.post("/api/recording/set-output-directory", json=set_to)
    assert {"success": True, "output_directory": str(tmp_path)}.items() <= chosen.json().items()
    nowhere = {"directory": str(tmp_path / "a" / "b")}
    refused = await client.post("/api/recording/set-output-directory", json=nowhere)
    assert (refused.status_code, refused.json()["error"]) == (400, "Path is not a directory")


async def test_output_directory_that_is_gone(
    client: httpx.AsyncClient, manager: MemoryManager, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    manager.settings = manager.settings.model_copy(update={"output_directory": gone})
    body = (await client.get("/api/recording/output-directory")).json()
    assert (body["exists"], body["writable"]) == (False, False)


async def test_formats_answers_both(client: httpx.AsyncClient) -> None:
    body = (await client.get("/api/recording/formats")).json()
    high = {"video_bitrate": "2M", "audio_bitrate": "128k"}

    def codecs(video: str, audio: str, extension: str) -> dict[str, str]:
        return {"video_codec": video, "audio_codec": audio, "extension": extension, **high}

    supported = {
        "formats": ["av1", "mp4", "webm"],
        "codecs": {
            "av1": codecs("libaom-av1", "aac", "av1"),
            "mp4": codecs("libx264", "aac", "mp4"),
            "webm": codecs("libvpx-vp9", "libopus", "webm"),
        },
        "quality_presets": {
            "low": {"video_bitrate": "500k", "audio_bitrate": "64k"},
            "medium": {"video_bitrate": "1M", "audio_bitrate": "96k"},
            "high": high,
        },
    }
    assert body == {
        "success": True,
        "supported_formats": supported,
        "default_format": "av1",
        "recommended_formats": ["av1", "mp4"],
        **supported,
    }
