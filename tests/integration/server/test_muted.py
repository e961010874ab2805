"""Real rooms in which all three publishers are muted: a start says so, a watch begins by itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from livekit import api

from orchestrator.errors import EverybodyMuted
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from orchestrator.worker.first_frame import MUTED_WAIT_S
from tests.kit.livekit.crowd import Conference, conference
from tests.kit.livekit.server import KEY, SECRET, Server
from tests.kit.recordings.machine import Machine, ServerProcess
from tests.kit.signals.reading import read
from tests.kit.webhooks.receivers import receiving

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

PERIOD_S = 5
"""Of the watch: the unmute comes in the middle of it."""


async def mute_everybody(server: Server, room: str, people: Conference) -> None:
    """Returns when the server knows it."""
    host = people.host
    for track in (host.video_track, host.audio_track, *(each.track for each in people.guests)):
        assert track is not None
        track.mute()
    asked = api.ListParticipantsRequest(room=room)
    async with api.LiveKitAPI(server.url, KEY, SECRET) as client, asyncio.timeout(10):
        while not _all_muted(await client.room.list_participants(asked)):
            await asyncio.sleep(0.05)


def _all_muted(listed: api.ListParticipantsResponse) -> bool:
    return all(track.muted for each in listed.participants for track in each.tracks)


@pytest.mark.all_only
async def test_a_start_fails_with_who_is_muted(manager: Manager, livekit_server: Server) -> None:
    room = "muted start"
    async with conference(livekit_server, room, width=160, height=96) as people:
        await mute_everybody(livekit_server, room, people)
        began = time.monotonic()
        with pytest.raises(EverybodyMuted) as refused:
            await manager.start(StartRequest(room, "mp4"))
        took_s = time.monotonic() - began
    assert refused.value.code == "everybody_muted"
    for who in ("publisher", *(each.identity for each in people.guests)):
        assert f"'{who}'" in refused.value.error
    # Its process has to start as well; without asking who is muted it would be this time-out.
    assert MUTED_WAIT_S <= took_s < manager.settings.connect_timeout_s
    (row,) = (await manager.history(limit=9, offset=0))[0]
    assert (row.state, row.error_code) == ("failed", "everybody_muted")


@pytest.mark.all_only
async def test_a_worker_that_dies_while_all_are_muted_goes_on_with_the_unmute(
    tmp_path: Path, livekit_server: Server
) -> None:
    """Longer after it than a first frame may take; web hooks are told of the gap and its end."""
    room, machine = "muted death", Machine(tmp_path, livekit_server)
    machine.settings |= {"CONNECT_TIMEOUT_S": str(PERIOD_S), "START_TIMEOUT_S": "60"}
    async with (
        receiving() as receiver,
        conference(livekit_server, room, width=160, height=96) as people,
    ):
        machine.settings["WEBHOOKS"] = json.dumps([{"url": receiver.url}])
        async with machine.serving() as server:
            id = await server.start(room)
            await server.until_recorded(id, 2)
            await mute_everybody(livekit_server, room, people)
            await machine.until_written()
            first = await worker_of(server, id)
            os.kill(first, signal.SIGKILL)
            await receiver.until_type("recording.gap_ended")
            assert await worker_of(server, id, other_than=first)
            await asyncio.sleep(PERIOD_S + 2)
            row = await server.recording(id)
            assert row["state"] == "recording", row["reason"]
            (anna, _) = people.guests
            assert anna.track is not None
            anna.track.unmute()
            await server.until_recorded(id, row["duration_seconds"] + 2)
            await server.post("/api/recording/stop", mint_id=room)
            row = await server.until_ended(id)
            await receiver.until_type("recording.finished")
    assert (row["state"], row["error"]) == ("completed", None)
    gaps = [
        (call.event["type"], call.event["data"]["cause"])
        for call in receiver.calls
        if "gap" in call.event["type"]
    ]
    assert gaps == [("recording.gap_began", "worker"), ("recording.gap_ended", "worker")]
    heard = read(Path(row["output_path"])).tones
    assert anna.tone in heard.rows[-2], heard


async def worker_of(server: ServerProcess, id: str, *, other_than: int = 0) -> int:
    """The pid of the recording's worker."""
    async with asyncio.timeout(30):
        while True:
            listed = (await server.get(f"/api/processes?recording_id={id}"))["processes"]
            pids = [int(each["pid"]) for each in listed if each["role"] == "worker"]
            if pids and pids[0] != other_than:
                return pids[0]
            await asyncio.sleep(0.05)


async def until_watch(server: ServerProcess, state: str) -> dict[str, Any]:
    """The only watch, once it is in that state."""
    async with asyncio.timeout(20):
        while True:
            (watch,) = (await server.get("/api/recording/watch"))["watches"]
            if watch["state"] == state:
                return dict(watch)
            await asyncio.sleep(0.05)


async def test_a_watch_records_with_the_unmute(tmp_path: Path, livekit_server: Server) -> None:
    room, machine = "muted watch", Machine(tmp_path, livekit_server)
    machine.settings |= {"WATCH_PERIOD_S": str(PERIOD_S), "WORKER_IN_RESERVE": "true"}
    async with (
        conference(livekit_server, room, width=160, height=96) as people,
        machine.serving() as server,
    ):
        await mute_everybody(livekit_server, room, people)
        await server.post("/api/recording/watch", mint_id=room, output_format="mp4")
        await until_watch(server, "muted")
        await asyncio.sleep(PERIOD_S / 2)
        assert (await server.get("/api/recordings"))["recordings"] == []
        (anna, _) = people.guests
        assert anna.track is not None
        unmuted = datetime.now(UTC)
        anna.track.unmute()
        id = (await until_watch(server, "recording"))["id"]
        await server.until_recorded(id, 2)
        stopped = await server.post("/api/recording/stop", mint_id=room)
        (row,) = (await server.get("/api/recordings"))["recordings"]
    assert (row["id"], row["state"]) == (id, "completed")
    after_s = (datetime.fromisoformat(row["started_at"]) - unmuted).total_seconds()
    assert 0 < after_s < 1, after_s
    heard = read(Path(stopped["final_path"])).tones
    assert all(tones == {anna.tone} for tones in heard.rows[1:-1]), heard
