"""A copied room with `tracks` = all: each camera, screen and microphone is a track of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orchestrator.server.manager import Manager
from tests.kit.livekit.crowd import microphone
from tests.kit.livekit.rooms import SCREEN, publish
from tests.kit.livekit.server import Server
from tests.kit.recordings.copied import asked, decode_errors, event_log, heard, seen, tracks
from tests.kit.recordings.waits import FPS, until_received
from tests.kit.signals.tones import TONES

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]


async def until_written(path: Path, name: str, frames: int) -> None:
    """Wait until so many are in the track of a file that is being written."""
    async with asyncio.timeout(60):
        while (track := tracks(path).get(name)) is None or len(track.times_ms) < frames:
            await asyncio.sleep(0.2)


async def test_each_camera_screen_and_microphone_is_a_track_with_its_name(
    manager: Manager, livekit_server: Server
) -> None:
    room, server = "every track", livekit_server
    guest = microphone(server, room, 2)
    async with (
        publish(server, room, identity="alice", tone=TONES[0]) as alice,
        publish(server, room, identity="bob", video="h264", tone=TONES[1], width=640, height=360),
    ):
        await guest.join()
        started = await manager.start(asked(room, tracks="all"))
        await until_received(manager, room, 3 * FPS)
        async with publish(
            server, room, identity="carol", video="h264", audio=False, source=SCREEN
        ) as carol:
            carol.start_clock(alice.began_s)
            row = await manager.get(started.id)
            late_s = row.figures["duration_s"]
            (segment,) = await manager.catalog.segments(started.id)
            await until_written(Path(segment.path), "carol screen share", 2 * FPS)
            ended = await manager.stop(room)
    await guest.leave()
    path = Path(ended.output_path)
    print(await event_log(manager, ended), ended.figures)
    assert (ended.state, ended.error) == ("completed", None)
    (file,) = await manager.catalog.files(ended.id)
    assert (file.integrity, file.problem) == ("whole", None)
    assert decode_errors(path) == []
    found = tracks(path)
    assert {name: track.codec for name, track in found.items()} == {
        "alice camera": "vp8",
        "bob camera": "h264",
        "carol screen share": "h264",
        "alice microphone": "opus",
        "bob microphone": "opus",
        "speaker-2 microphone": "opus",
    }
    for name, tone in (
        ("alice microphone", TONES[0]),
        ("bob microphone", TONES[1]),
        ("speaker-2 microphone", TONES[2]),
    ):
        spans = heard(path, name).heard
        # A decoder that begins in the middle clicks, in which there is every tone.
        lasted_s = {each: sum(end - begin for begin, end in spans[each]) for each in TONES}
        assert [each for each in TONES if lasted_s[each] > 0.3] == [tone], name
    screen, camera = seen(path, "carol screen share"), seen(path, "alice camera")
    assert seen(path, "bob camera").size == (640, 360)
    assert camera.in_order_and_once
    assert screen.in_order_and_once
    at = {number: at_s for at_s, number in camera.codes}
    apart = [at_s - at[number] for at_s, number in screen.codes if number in at]
    assert len(apart) >= FPS
    assert max(map(abs, apart)) < 0.3, "those of one moment stand at one time"
    assert screen.codes[0][0] > late_s - 0.5
    came = sum(len(track.times_ms) for track in found.values() if track.codec != "opus")
    assert came == ended.figures["video"]["received"]
