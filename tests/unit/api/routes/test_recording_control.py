"""Starting and stopping by /api/recording, as the Recording API document and the app have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.catalog.models import Recording
from orchestrator.errors import FFmpegNotFound, InvalidOutputDirectory, SettingsError, Unavailable
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.recordings.start_request import StartRequest
from tests.kit.api.memory import MINT, MemoryManager, recording

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


async def test_stop_of_one_that_has_no_frame_yet(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    """It was 409, as if the stop had failed."""
    manager.rows.append(recording(state="starting", started_at=None, duration_s=None))
    response = await client.post("/api/recording/stop", json={"mint_id": MINT})
    body = response.json()
    assert (response.status_code, body["success"], body["state"]) == (200, True, "aborted")
    assert (body["final_path"], body["output_path"], body["duration_seconds"]) == (None,) * 3
    status = (await client.get(f"/api/recording/status/{MINT}")).json()
    assert (status["state"], status["is_recording"], status["error"]) == ("stopped", False, None)
    (row,) = (await client.get("/api/recordings?state=aborted")).json()["recordings"]
    assert (row["file_url"], row["error"]) == (None, None)
    file = await client.get(f"/api/recordings/{row['id']}/file")
    assert file.status_code == 404
    assert "stopped before its first frame" in file.json()["error"]


async def test_nothing_to_stop(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/recording/stop", json={"mint_id": MINT})
    assert response.status_code == 404
    assert response.json()["code"] == "nothing_to_stop"


COPIED: dict[str, Any] = {
    "pipeline": "copy",
    "output_format": "mkv",
    "video_codec": "copy",
    "audio_codec": "copy",
    "tracks": "selected",
}


async def answered(
    client: httpx.AsyncClient, manager: MemoryManager, row: dict[str, Any], **asked: Any
) -> dict[str, Any]:
    """What /start says of a recording with these columns."""

    async def start(request: StartRequest) -> Recording:
        manager.requests.append(request)
        return recording(request.stream_id, **row)

    manager.start = start  # type: ignore[method-assign]
    response = await client.post(START, json={"mint_id": MINT, **asked})
    assert response.status_code == 200
    return dict(response.json())


async def test_frames_that_are_copied(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    body = await answered(client, manager, COPIED, pipeline="copy", tracks="all")
    assert manager.requests == [StartRequest(MINT, pipeline="copy", tracks="all")]
    assert COPIED.items() <= body["config"].items()
    assert body["notes"] == []


async def test_a_quality_has_no_effect_on_copied_frames(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    body = await answered(client, manager, COPIED, pipeline="copy", video_quality="low")
    (note,) = body["notes"]
    assert "the quality that was asked for has no effect" in note
    encoded = await answered(client, manager, {}, pipeline="av1", video_quality="low")
    assert encoded["notes"] == []


async def test_a_copy_instead_of_a_refusal_says_so(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    later = EncodeOptions("av1", "low", replace=True).as_dict()
    row = {**COPIED, "instead_of": "av1", "encode": later}
    body = await answered(client, manager, row, video_quality="low")
    (note,) = body["notes"]
    assert note == (
        "There was no capacity to encode with av1: the stream is recorded as it comes, and "
        "encoded with av1 when it has ended."
    )
    manager.rows.append(recording(MINT, **row))
    status = (await client.get(f"/api/recording/status/{MINT}")).json()
    assert status["notes"] == [note]
    active = (await client.get("/api/recording/active")).json()["recordings"][MINT]
    assert (active["notes"], active["config"]["tracks"]) == ([note], "selected")
    listed = (await client.get("/api/recordings")).json()["recordings"][0]
    assert (listed["instead_of"], listed["notes"]) == ("av1", [note])
    assert listed["encode"]["pipeline"] == "av1"


async def test_unknown_tracks(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    response = await client.post(START, json={"mint_id": MINT, "tracks": "video"})
    assert response.status_code == 422
    assert manager.requests == []


async def test_a_field_that_is_not_known_is_ignored_and_named(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await client.post(START, json=DOCUMENT_START | {"qualty": "geheim", "x" * 99: 1})
    assert answer.status_code == 200
    assert answer.json()["notes"] == [
        f"Fields that are not known were ignored: qualty, {'x' * 40}."
    ]
    printed = capsys.readouterr()
    assert "geheim" not in answer.text + printed.out + printed.err


@pytest.mark.parametrize("path", ["pause", "resume"])
async def test_our_own_bodies_refuse_one(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(f"/api/recording/{path}", json={"mint_id": "a", "stil": "geheim"})
    assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, "stil")
    assert "geheim" not in answer.text
