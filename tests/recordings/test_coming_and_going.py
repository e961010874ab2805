"""Hosts that leave, rooms that end, tokens that expire: a recording never needs a stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from livekit import api

from orchestrator.catalog.models import Recording
from orchestrator.discovery import livekit as discovery
from orchestrator.recordings.manager import Manager
from orchestrator.recordings.request import StartRequest
from orchestrator.settings import Settings
from tests.network import wired
from tests.reading import read
from tests.recordings.conftest import managing
from tests.recordings.test_end_to_end import FPS, until_more, until_received
from tests.rooms import KEY, SECRET, Server, publish

pytestmark = pytest.mark.livekit


async def until_state(manager: Manager, recording_id: str, state: str) -> Recording:
    """Wait until the recording is in that state."""
    async with asyncio.timeout(60):
        while (row := await manager.get(recording_id)).state != state:
            await asyncio.sleep(0.05)
    return row


async def test_a_room_that_is_closed_completes_the_recording(
    manager: Manager, livekit_server: Server
) -> None:
    room = "closed"
    async with publish(livekit_server, room):
        started = await manager.start(StartRequest(room, "mp4"))
        await until_received(manager, room, FPS)
        url = livekit_server.url.replace("ws", "http", 1)
        async with api.LiveKitAPI(url, KEY, SECRET) as admin:
            await admin.room.delete_room(api.DeleteRoomRequest(room=room))
        ended = await until_state(manager, started.id, "completed")
    assert ended.reason is not None
    assert "room" in ended.reason
    assert len(read(Path(ended.output_path)).codes) >= FPS // 2


async def test_a_host_who_comes_back_is_recorded_on(
    manager: Manager, livekit_server: Server
) -> None:
    room = "comes back"
    async with publish(livekit_server, room):
        started = await manager.start(StartRequest(room, "mp4"))
        await until_received(manager, room, 2 * FPS)
    async with asyncio.timeout(30):
        while (row := await manager.get(started.id)).figures["video"]["no_picture_reason"] is None:
            await asyncio.sleep(0.05)
    assert row.figures["audio"]["no_sound_reason"] == "No audio is published; there is silence."
    async with publish(livekit_server, room):
        await until_more(manager, room, 2 * FPS)
        ended = await manager.stop(room)
    assert ended.id == started.id
    reading = read(Path(ended.output_path))
    assert reading.audio_gaps == 0
    assert len(reading.codes) >= 3 * FPS
    kinds = [event.kind for event in await manager.catalog.events(ended.id)]
    assert kinds.count("unpublished") == 2


async def test_an_expired_token_is_replaced_by_a_fresh_one(
    settings_for: Callable[..., Settings],
    livekit_server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery, "TOKEN_LIFETIME", timedelta(seconds=2))
    room = "expires"
    async with wired(livekit_server.port) as wire, publish(livekit_server, room):
        reached = settings_for(livekit_url=f"ws://127.0.0.1:{wire.port}")
        async with managing(reached) as manager:
            started = await manager.start(StartRequest(room, "mp4"))
            await until_received(manager, room, 3 * FPS)  # longer than the first token lives
            await wire.cut()
            await until_state(manager, started.id, "reconnecting")
            await wire.mend()
            await until_state(manager, started.id, "recording")
            await until_more(manager, room, FPS)
            ended = await manager.stop(room)
    assert ended.state == "completed"
    assert ended.worker_starts == 1
    assert read(Path(ended.output_path)).audio_gaps == 0
