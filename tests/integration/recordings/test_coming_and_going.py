"""Hosts that leave, tokens that expire, video that takes over: one recording goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.discovery import livekit as discovery
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from orchestrator.settings import Settings
from tests.kit.livekit.crowd import GUESTS, conference, microphones
from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.managing import managing
from tests.kit.network import wired
from tests.kit.recordings.waits import FPS, until_more, until_received, until_state
from tests.kit.signals.reading import read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]


async def test_a_host_who_comes_back_is_recorded_on(
    manager: Manager, livekit_server: Server
) -> None:
    room = "comes back"
    async with (
        publishing(livekit_server, room, "--size", "320x180") as host,
        microphones(livekit_server, room, 2),
    ):
        started = await manager.start(StartRequest(room, "mp4"))
        await until_received(manager, room, 2 * FPS)
        await host.do("leave")
        async with asyncio.timeout(30):
            while (await manager.get(started.id)).figures["video"]["no_video_reason"] is None:
                await asyncio.sleep(0.05)
        await host.do("join")
        await until_more(manager, room, 2 * FPS)
        ended = await manager.stop(room)
    assert ended.id == started.id
    reading = read(Path(ended.output_path))
    assert reading.audio_gaps == 0
    assert len(reading.codes) >= 3 * FPS
    everybody = reading.tones.all_of(GUESTS)
    assert everybody >= len(reading.tones.rows) - 2, reading.tones
    kinds = [event.kind for event in await manager.catalog.events(ended.id)]
    assert kinds.count("unpublished") == 2


@pytest.mark.all_only
async def test_an_expired_token_is_replaced_by_a_fresh_one(
    settings_for: Callable[..., Settings],
    livekit_server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery, "TOKEN_LIFETIME", timedelta(seconds=2))
    room = "expires"
    async with wired(livekit_server.port) as wire, conference(livekit_server, room):
        reached = settings_for(livekit_url=f"ws://127.0.0.1:{wire.port}")
        async with managing(reached) as manager:
            await manager.start(StartRequest(room, "mp4"))
            await until_received(manager, room, 3 * FPS)  # longer than the first token lives
            await wire.cut()
            await until_state(manager, room, "reconnecting")
            await wire.restore()
            await until_state(manager, room, "recording")
            await until_more(manager, room, FPS)
            ended = await manager.stop(room)
    assert ended.state == "completed"
    assert ended.worker_starts == 1
    reading = read(Path(ended.output_path))
    assert reading.audio_gaps == 0
    assert reading.tones.rows[-2] >= {*GUESTS}, "everybody is heard on the new connection, too"


async def test_a_better_video_takes_over_without_a_gap(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    room = "two cameras"
    async with (
        managing(settings_for(video_track_preference=["largest"])) as manager,
        conference(livekit_server, room, identity="small"),
    ):
        started = await manager.start(StartRequest(room, "mp4"))
        await until_received(manager, room, FPS)
        async with publish(livekit_server, room, identity="large", width=640, height=360):
            async with asyncio.timeout(60):
                while (await shown(manager, started.id))[-1:] != ["large"]:
                    await asyncio.sleep(0.05)
            await until_more(manager, room, FPS)
        await until_more(manager, room, FPS)
        ended = await manager.stop(room)
        assert await shown(manager, ended.id) == ["small", "large", "small"]
    reading = read(Path(ended.output_path))
    assert reading.audio_gaps == 0
    times = [at for at, _ in reading.codes]
    assert max(b - a for a, b in pairwise(times)) < 3


async def shown(manager: Manager, recording_id: str) -> list[str]:
    """Whose video was recorded, one after the other."""
    events = await manager.catalog.events(recording_id)
    return [event.message.split("'")[1] for event in events if event.kind == "video"]
