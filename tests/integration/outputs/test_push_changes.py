"""Pushes of real rooms whose video changes, and of recordings that pause: times go forward."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from tests.kit.livekit.crowd import conference
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.ports import free_port
from tests.kit.pushes.receivers import receiving
from tests.kit.pushes.rooms import (
    begin,
    output,
    position,
    states,
    stop,
    until_active,
    until_push,
    until_recorded_more,
)
from tests.kit.pushes.turns import in_turns
from tests.kit.recordings.copied import decode_errors
from tests.kit.recordings.machine import Machine, ServerProcess
from tests.kit.recordings.waits import eventually
from tests.kit.signals.reading import read, read_every_track

pytestmark = [
    pytest.mark.livekit,
    pytest.mark.real_time,
    pytest.mark.all_only,
    pytest.mark.timeout(240),
]

FPS = 30
SMALL, LARGE = (320, 180), (640, 360)
ASKED: dict[str, dict[str, Any]] = {
    "mp4": {"output_format": "mp4"},
    "copy": {"pipeline": "copy"},
}


async def until_width(server: ServerProcess, id: str, width: int) -> None:
    """Until frames of this width are recorded."""
    async with asyncio.timeout(60):
        while (await server.recording(id))["figures"]["video"]["width"] != width:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(("pipeline", "codec"), [("mp4", "vp8"), ("copy", "h264"), ("copy", "vp8")])
async def test_frames_of_another_size_come_in_another_connection(
    pipeline: str, codec: str, machine: Machine, livekit_server: Server, tmp_path: Path
) -> None:
    room = f"push sizes {pipeline} {codec}"
    async with (
        conference(livekit_server, room, video=codec) as there,
        machine.serving() as server,
        in_turns(tmp_path, 2) as turns,
    ):
        id = await begin(server, room, output(turns.url), **ASKED[pipeline])
        await until_active(server, id)
        await until_recorded_more(server, id, 2)
        there.host.width, there.host.height = LARGE
        await until_width(server, id, LARGE[0])
        await until_push(server, id, lambda row: row["figures"]["reconnects"] == 1)
        await until_recorded_more(server, id, 4)
        row = await stop(server, room, id)
        push = await until_push(server, id, lambda each: each["state"] != "active")
        for each in turns.receivers:
            await each.ended()
        said = await states(server, id)
    assert (row["state"], row["error"]) == ("completed", None)
    assert (push["state"], push["attempts"], push["figures"]["reconnects"]) == ("complete", 0, 1)
    assert [each for each in said if "connects again" in each] == [
        "Output push: connects again, as its video or audio is another from now on."
    ]
    found = [read(each.path) for each in turns.receivers]
    assert [each.size for each in found] == [SMALL, LARGE]
    first, second = (each.numbers for each in found)
    assert first + second == list(range(first[0], second[-1] + 1)), "no frame is missing"
    assert [each.audio_gaps for each in found] == [0, 0]
    for each in turns.receivers:
        assert decode_errors(each.path) == []


async def test_another_publisher_of_the_same_size_goes_on_in_a_copy(
    machine: Machine, livekit_server: Server, tmp_path: Path
) -> None:
    room, url = "push replaced", f"srt://127.0.0.1:{free_port()}"
    async with (
        conference(livekit_server, room, video="h264") as there,
        machine.serving() as server,
        receiving(f"{url}?mode=listener", tmp_path / "received.mkv") as receiver,
    ):
        id = await begin(server, room, output(url), pipeline="copy")
        await until_active(server, id)
        await until_recorded_more(server, id, 2)
        await there.host.close()
        next_one = publish(livekit_server, room, identity="next", video="h264", audio=False)
        async with next_one as host:
            host.start_clock(there.host.began_s)
            await host.publish_audio()
            seen = host.sent
            await eventually(lambda: host.sent > seen + FPS, lambda: host.sent, within_s=30)
            await until_recorded_more(server, id, 5)
            row = await stop(server, room, id)
            push = await until_push(server, id, lambda each: each["state"] != "active")
        await receiver.ended()
    assert (row["state"], row["error"]) == ("completed", None)
    assert (push["state"], push["attempts"], push["figures"]["reconnects"]) == ("complete", 0, 0)
    recorded, got = read_every_track(Path(row["output_path"])), read(receiver.path)
    position(recorded.numbers, got.numbers)
    assert got.numbers[-1] == recorded.numbers[-1]
    assert got.numbers[-1] > seen, "the next one's video"
    assert got.audio_gaps == 0


@pytest.mark.parametrize("pipeline", ["mp4", "copy"])
@pytest.mark.parametrize("still", [False, True])
async def test_it_goes_on_behind_a_pause(
    pipeline: str, still: bool, machine: Machine, livekit_server: Server, tmp_path: Path
) -> None:
    room, url = f"push paused {pipeline} {still}", f"rtmp://127.0.0.1:{free_port()}/live/key"
    async with (
        conference(livekit_server, room, video="h264") as there,
        machine.serving() as server,
        receiving(url, tmp_path / "received.mkv") as receiver,
    ):
        id = await begin(server, room, output(url), **ASKED[pipeline])
        await until_active(server, id)
        await until_recorded_more(server, id, 2)
        await server.post("/api/recording/pause", mint_id=room, still=still)
        paused = there.host.sent
        await eventually(
            lambda: there.host.sent >= paused + 4 * FPS, lambda: there.host.sent, within_s=30
        )
        during = (await until_active(server, id))["error"]
        resumed = there.host.sent
        await server.post("/api/recording/resume", mint_id=room)
        await eventually(
            lambda: there.host.sent >= resumed + 5 * FPS, lambda: there.host.sent, within_s=30
        )
        row = await stop(server, room, id)
        push = await until_push(server, id, lambda each: each["state"] != "active")
        await receiver.ended()
    assert (row["state"], row["error"], during) == ("completed", None, None)
    assert (push["state"], push["attempts"], push["figures"]["reconnects"]) == ("complete", 0, 0)
    recorded, got = read_every_track(Path(row["output_path"])), read(receiver.path)
    position(recorded.numbers, got.numbers)
    assert got.numbers[-1] == recorded.numbers[-1]
    behind = [number for number in got.numbers if number > resumed + 3]
    assert len(behind) > 2 * FPS, "frames follow"
    check_times(receiver.path)
    longest = max(b - a for (a, _), (b, _) in pairwise(got.codes))
    stands = still and pipeline == "copy"  # in a copy nothing is repeated
    assert longest < (7 if stands else 1.2), "the pause is cut out, or a still frame stands for it"
    assert decode_errors(receiver.path) == []


def check_times(path: Path) -> None:
    """Each track's packets go forward, and audio and video stay beside each other."""
    with av.open(str(path)) as file:
        ends: dict[int, float] = {}
        for packet in file.demux():
            if packet.size and packet.dts is not None:
                at_s = float(packet.dts * packet.time_base)
                assert at_s > ends.get(packet.stream_index, -1.0)
                ends[packet.stream_index] = at_s
    assert max(ends.values()) - min(ends.values()) < 0.5
