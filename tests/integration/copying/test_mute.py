"""Copied rooms in which cameras and microphones are muted."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.errors import EverybodyMuted
from orchestrator.server.manager import Manager
from tests.kit.livekit.crowd import GUESTS, conference, microphones
from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.recordings.copied import asked, decode_errors, event_log, heard, kinds, tracks
from tests.kit.recordings.waits import FPS, until_duration, until_more, until_received

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

NEAR_S = 0.4


async def until_kind(manager: Manager, recording: Recording, kind: str, count: int = 1) -> None:
    """Wait until so many such events are in the log."""
    async with asyncio.timeout(30):
        while (await kinds(manager, recording)).count(kind) < count:
            await asyncio.sleep(0.05)


@pytest.mark.all_only
async def test_what_is_muted_leaves_a_gap_and_comes_back_with_a_keyframe(
    manager: Manager, livekit_server: Server
) -> None:
    room = "copy mute"
    async with conference(livekit_server, room) as there:
        host, (guest, _) = there.host, there.guests
        assert host.video_track is not None
        assert guest.track is not None
        started = await manager.start(asked(room))
        await until_received(manager, room, FPS)
        host.video_track.mute()
        guest.track.mute()
        await until_kind(manager, started, "muted", 2)
        muted_s = (await manager.get(started.id)).figures["duration_s"]
        await until_duration(manager, room, muted_s + 3)
        row = await manager.get(started.id)
        assert "The video is muted; nothing is recorded in its place." in row.figures["warnings"]
        host.video_track.unmute()
        guest.track.unmute()
        await until_more(manager, room, 3 * FPS)
        ended = await manager.stop(room)
    path = Path(ended.output_path)
    print(await event_log(manager, ended), ended.figures)
    assert ended.state == "completed"
    assert len(await manager.catalog.segments(ended.id)) == 1
    assert decode_errors(path) == []
    reading, video = heard(path, "publisher microphone"), tracks(path)["video"]
    assert len(reading.codes) == ended.figures["video"]["received"]
    gaps = [
        (after, later - at - (number - before) / FPS)
        for (at, before), (later, number), after in zip(
            reading.codes, reading.codes[1:], video.times_ms[1:], strict=False
        )
        if later - at > 1.5
    ]
    ((after_ms, moved_s),) = gaps
    assert after_ms in video.keys_ms
    assert abs(moved_s) < NEAR_S, "the frames after it stand at their true time"
    assert all(abs(offset_s) < NEAR_S for offset_s in reading.offsets_s)
    assert len(reading.beeps) >= 5, "the host's microphone goes on"
    first, second = heard(path, "speaker-0 microphone").heard[GUESTS[0]]
    assert second[0] - first[1] > 1.5


@pytest.mark.all_only
async def test_a_room_in_which_everybody_is_muted_is_no_recording(
    manager: Manager, livekit_server: Server
) -> None:
    room = "copy all muted"
    async with publish(livekit_server, room) as host:
        assert host.video_track is not None
        assert host.audio_track is not None
        host.video_track.mute()
        host.audio_track.mute()
        await asyncio.sleep(1)  # until the server knows
        with pytest.raises(EverybodyMuted):
            await manager.start(asked(room))
    assert list(manager.settings.output_directory.iterdir()) == []


@pytest.mark.all_only
@pytest.mark.parametrize("output_format", ["mkv", "webm", "mp4"])
async def test_audio_alone_with_pauses_that_send_nothing(
    manager: Manager, livekit_server: Server, output_format: str
) -> None:
    room = f"copy dtx {output_format}"
    options = ("--video", "none", "--audio", "dtx")
    async with (
        publishing(livekit_server, room, *options),
        microphones(livekit_server, room, 1),
    ):
        await manager.start(asked(room, output_format))
        await until_duration(manager, room, 6)
        ended = await manager.stop(room)
    path = Path(ended.output_path)
    assert (ended.state, ended.error) == ("completed", None)
    (file,) = await manager.catalog.files(ended.id)
    assert (file.integrity, file.problem) == ("whole", None)
    assert decode_errors(path) == []
    assert {track.codec for track in tracks(path).values()} == {"opus"}
    beeps = heard(path, "publisher microphone").beeps
    assert len(beeps) >= 4
    steps = [b - a for a, b in pairwise(beeps)]
    assert all(abs(step - round(step)) < 0.06 for step in steps), steps
    (only,) = heard(path, "speaker-0 microphone").heard[GUESTS[0]]
    assert only[1] - only[0] > 4
