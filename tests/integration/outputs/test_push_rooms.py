"""Pushes of real rooms to real receivers: what arrives is what was recorded."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.kit.livekit.crowd import conference, microphone
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.ports import free_port
from tests.kit.pushes.receivers import receiving
from tests.kit.pushes.rooms import (
    arrived,
    begin,
    output,
    slices,
    stop,
    until_active,
    until_push,
    until_recorded_more,
)
from tests.kit.recordings.machine import Machine
from tests.kit.signals.reading import read, read_every_track
from tests.kit.signals.tones import TONES

pytestmark = [
    pytest.mark.livekit,
    pytest.mark.real_time,
    pytest.mark.all_only,
    pytest.mark.timeout(240),
]

FPS = 30


async def test_people_come_late_leave_and_are_replaced(
    machine: Machine, livekit_server: Server, tmp_path: Path
) -> None:
    room, url = "pushed", f"rtmp://127.0.0.1:{free_port()}/live/key"
    other = microphone(livekit_server, room, 3)
    async with (
        conference(livekit_server, room) as there,
        machine.serving() as server,
        receiving(url, tmp_path / "received.mkv") as receiver,
    ):
        id = await begin(server, room, output(url), output_format="mp4")
        await until_active(server, id)
        await until_recorded_more(server, id, 3)
        await there.late.join()
        await until_recorded_more(server, id, 3)
        await there.guests[1].leave()
        await other.join()
        await there.host.close()
        async with publish(livekit_server, room, identity="next", audio=False) as host:
            host.start_clock(there.host.began_s)
            await host.publish_audio()
            seen = host.sent
            await until_recorded_more(server, id, 5)
            row = await stop(server, room, id)
            push = await until_push(server, id, lambda each: each["state"] != "active")
        await other.leave()
        await receiver.ended()
        await server.end(signal.SIGTERM)
    assert (row["state"], row["error"]) == ("completed", None)
    assert (push["state"], push["error"], push["attempts"]) == ("complete", None, 0)
    assert push["figures"]["encodes"] == []
    assert (push["figures"]["reconnects"], push["figures"]["undecodable"]) == (0, 0)
    recorded = read(Path(row["output_path"]))
    got = arrived(receiver.path, recorded)
    assert got.numbers[-1] == recorded.numbers[-1]
    assert got.numbers[-1] > seen, "the next one's video"
    assert got.audio_gaps == 0
    assert {tone for tone in TONES if got.heard[tone]} >= set(TONES[:4])
    (left,) = [span for span in got.heard[TONES[1]] if span[1] - span[0] > 1]
    (came,) = [span for span in got.heard[TONES[3]] if span[1] - span[0] > 1]
    assert came[0] > left[1] - 0.2
    await machine.until_nothing_is_left()


async def test_all_microphones_of_a_copy_are_in_one_track_beside_its_video(
    machine: Machine, livekit_server: Server, tmp_path: Path
) -> None:
    room, url = "copied", f"srt://127.0.0.1:{free_port()}"
    async with (
        conference(livekit_server, room, video="h264") as there,
        machine.serving() as server,
        receiving(f"{url}?mode=listener", tmp_path / "received.mkv") as receiver,
    ):
        id = await begin(server, room, output(url), pipeline="copy")
        await until_active(server, id)
        await until_recorded_more(server, id, 3)
        await there.late.join()
        await until_recorded_more(server, id, 4)
        there.guests[0].stalled = True
        await until_recorded_more(server, id, 3)
        row = await stop(server, room, id)
        push = await until_push(server, id, lambda each: each["state"] != "active")
        await receiver.ended()
        await server.end(signal.SIGTERM)
    assert (row["state"], row["error"]) == ("completed", None)
    assert (push["state"], push["error"], push["attempts"]) == ("complete", None, 0)
    assert push["figures"]["encodes"] == ["audio"]
    assert (push["figures"]["reconnects"], push["figures"]["undecodable"]) == (0, 0)
    recorded = read_every_track(Path(row["output_path"]))
    got = arrived(receiver.path, recorded)
    assert (got.video_codec, got.audio_codec) == ("h264", "aac")
    assert got.numbers[-1] == recorded.numbers[-1], "SRT's end arrives"
    assert got.audio_gaps == 0
    assert {tone for tone in TONES if got.heard[tone]} >= set(TONES[:3])
    sent, came = slices(Path(row["output_path"])), slices(receiver.path)
    assert came == sent[-len(came) :], "as it came"
    await machine.until_nothing_is_left()
