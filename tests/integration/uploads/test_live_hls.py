"""Recordings that are played from a real S3 server while they run and afterwards."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.queued import kill
from tests.kit.recordings.hls import uris
from tests.kit.recordings.machine import Machine, ServerProcess
from tests.kit.recordings.waits import eventually
from tests.kit.uploads.hls import missing, wrong_sums
from tests.kit.uploads.playing import decoded
from tests.kit.uploads.uploading import until, uploaders
from tests.kit.uploads.versitygw import VersityGw, binary

pytestmark = [
    pytest.mark.all_only,
    pytest.mark.livekit,
    pytest.mark.real_time,
    pytest.mark.skipif(binary() is None, reason="no versitygw: run scripts/versitygw"),
    pytest.mark.timeout(240),
]

PREFIX = "s3://recordings/talks"
OUTAGE_S = 15


@pytest.fixture
def machine(tmp_path: Path, livekit_server: Server) -> Machine:
    machine = Machine(tmp_path, livekit_server)
    machine.settings["ALLOW_PRIVATE_TARGETS"] = "true"
    return machine


async def begin(server: ServerProcess, s3: VersityGw, room: str, **how: Any) -> tuple[str, str]:
    """A recording with an upload that has HLS; their ids."""
    upload = {"type": "upload", "url": PREFIX, "options": s3.options, "hls": True}
    async with asyncio.timeout(100):  # a busy machine's directory or publisher may be late
        answer = await server.ask_to_start(room, outputs=[upload], **how)
        while answer.status_code in (502, 504):
            answer = await server.ask_to_start(room, outputs=[upload], **how)
    assert answer.status_code == 200, answer.text
    listed = await server.get("/api/recordings")
    running = [one for one in listed["recordings"] if one["state"] == "recording"]
    (id,) = [one["id"] for one in running if one["mint_id"] == room]
    (output,) = (await server.get(f"/api/recordings/{id}/outputs"))["outputs"]
    return id, output["id"]


def hls_of(s3: VersityGw) -> Path:
    """Its folder in the bucket."""
    (playlist,) = s3.bucket.glob("talks/*/hls/video.m3u8")
    return playlist.parent


def pieces(s3: VersityGw) -> int:
    """How many the playlist names."""
    return sum(len(uris(path.read_text())) for path in s3.bucket.glob("talks/*/hls/video.m3u8"))


async def until_pieces(s3: VersityGw, number: int) -> None:
    """Until the playlist names so many; nothing that isn't there in between."""
    await eventually(lambda: pieces(s3) >= number, s3.objects, within_s=60)
    assert missing(hls_of(s3)) == []


async def ended(server: ServerProcess, room: str, id: str) -> Path:
    """Stops it; its file."""
    await server.post("/api/recording/stop", mint_id=room)
    return Path((await server.recording(id))["output_path"])


@pytest.mark.parametrize(
    "how", [{"output_format": "mp4"}, {"pipeline": "copy"}], ids=["mp4", "copy"]
)
async def test_what_is_played_there_is_what_is_recorded(
    machine: Machine, s3: VersityGw, livekit_server: Server, how: dict[str, str]
) -> None:
    base = await s3.allow_reading()
    async with machine.serving() as server, publish(livekit_server, "live", video="h264"):
        began_s = time.monotonic()
        id, output = await begin(server, s3, "live", **how)
        await until_pieces(s3, 1)
        print(f"playable {time.monotonic() - began_s:.1f} s after the request")
        folder = hls_of(s3)
        address = f"{base}/{folder.relative_to(s3.bucket)}/master.m3u8"
        playing = asyncio.create_task(decoded(address))
        before = pieces(s3)
        await until_pieces(s3, before + 4)
        assert not playing.done(), "it is followed while it grows"
        async with httpx.AsyncClient() as player:
            playlist = await player.get(address.replace("master", "video"))
        kind = "application/vnd.apple.mpegurl"
        assert (playlist.headers["content-type"], playlist.headers["cache-control"]) == (
            kind,
            "no-cache",
        )
        assert "#EXT-X-PLAYLIST-TYPE:EVENT" in playlist.text
        final = await ended(server, "live", id)
        done = await until(server, id, output, "complete", "failed")
        live = await playing
        log = machine.log()
    assert done["state"] == "complete", done
    recorded, again = await decoded(final), await decoded(address)
    assert live == recorded
    assert again == recorded
    assert len(recorded) > 8 * 20
    assert (missing(folder), wrong_sums(folder)) == ([], [])
    assert done["figures"]["pieces"] == done["figures"]["pieces_uploaded"] == pieces(s3)
    described = json.loads((folder.parent / "manifest.json").read_text())
    assert described["hls"]["pieces"] == pieces(s3)
    assert s3.unfinished() == []
    assert s3.options["secret_access_key"] not in log


async def test_an_outage_and_a_killed_uploader_lose_nothing_and_send_nothing_twice(
    machine: Machine, s3: VersityGw, livekit_server: Server
) -> None:
    async with machine.serving() as server, publish(livekit_server, "live", video="h264"):
        id, output = await begin(server, s3, "live", output_format="mp4")
        await until_pieces(s3, 2)
        folder = hls_of(s3)
        sent = {path: path.stat().st_mtime_ns for path in folder.glob("*/*")}
        await s3.stop()
        away_s = time.monotonic()
        await until(server, id, output, "retrying")
        (process,) = uploaders(machine)
        kill(process)
        await _until_behind(server, id, output, away_s + OUTAGE_S)
        there = pieces(s3)
        await s3.start()
        await until_pieces(s3, there + OUTAGE_S // 2 - 2)
        print(f"caught up {time.monotonic() - away_s - OUTAGE_S:.1f} s after the store's return")
        final = await ended(server, "live", id)
        done = await until(server, id, output, "complete", "failed")
    assert done["state"] == "complete", done
    assert {path: path.stat().st_mtime_ns for path in sent} == sent
    assert (missing(folder), wrong_sums(folder)) == ([], [])
    assert s3.unfinished() == []
    assert await decoded(folder / "video.m3u8") == await decoded(final)


async def _until_behind(server: ServerProcess, id: str, output: str, until_s: float) -> None:
    """Until that time, and until an uploader says how far it is behind."""
    async with asyncio.timeout(60):
        while True:
            listed = await server.get(f"/api/recordings/{id}/outputs")
            (row,) = [one for one in listed["outputs"] if one["id"] == output]
            assert row["state"] in ("active", "retrying"), row
            if time.monotonic() > until_s and row["figures"]["pieces_behind_s"] > OUTAGE_S / 2:
                return
            await asyncio.sleep(0.2)
