"""/api/recording/status and /active, field by field."""

from __future__ import annotations

from datetime import datetime

import httpx
import pytest

from orchestrator.catalog.models import Recording
from orchestrator.outputs.specs import HlsOutput
from tests.kit.api.memory import MINT, MemoryManager, recording
from tests.unit.api.routes.test_recording_control import DOCUMENT_START, START


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
        "audio_concealed_s": 0.06,
        "cpu_cores": 1.25,
        "memory_bytes": 300,
        "connection": "connected",
        "participants": 151,
        "packets_lost": 3,
        "packets_received": None,
        "warnings": ["The video is muted; black frames are recorded."],
    }
    assert {key: body[key] for key in wanted} == wanted
    assert body["figures"]["queue"]["bytes"] == body["queue_bytes"] == 1382400


@pytest.mark.parametrize("stream_id", ["nobody", "room/with/slashes", "🎥 room", "%2e%2e"])
async def test_status_of_the_unknown_is_no_error(client: httpx.AsyncClient, stream_id: str) -> None:
    response = await client.get(f"/api/recording/status/{stream_id.replace('%', '%25')}")
    body = response.json()
    assert response.status_code == 200
    assert (body["success"], body["is_recording"], body["state"]) == (True, False, "stopped")
    assert body["mint_id"] == stream_id
    assert body["output_path"] is None


@pytest.mark.parametrize(
    ("row", "expected"),
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
    client: httpx.AsyncClient, manager: MemoryManager, row: Recording, expected: tuple[str, bool]
) -> None:
    manager.rows.append(row)
    body = (await client.get(f"/api/recording/status/{MINT}")).json()
    assert (body["state"], body["is_recording"]) == expected
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


async def test_outputs_are_named_wherever_a_recording_is(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    manager.rows.append(recording(id="r1"))
    output = await manager.outputs.add("r1", HlsOutput(type="hls"))
    output.state, output.error = "retrying", "The disk is full."
    named = [
        {"id": output.id, "type": "hls", "state": "retrying", "error": "The disk is full."},
    ]
    assert (await client.get(f"/api/recording/status/{MINT}")).json()["outputs"] == named
    active = (await client.get("/api/recording/active")).json()["recordings"][MINT]
    assert active["outputs"] == named
    (whole,) = (await client.get("/api/recordings/r1")).json()["outputs"]
    assert (whole["request"]["low_latency"], whole["error"]["error"]) == (
        False,
        "The disk is full.",
    )
