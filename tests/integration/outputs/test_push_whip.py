"""Pushes by WHIP: into a LiveKit room, where somebody records it again, and into this recorder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from livekit import api

from tests.kit.livekit.crowd import conference
from tests.kit.livekit.server import KEY as LIVEKIT_KEY
from tests.kit.livekit.server import SECRET, Server
from tests.kit.pushes.rooms import (
    begin,
    output,
    position,
    stop,
    until_active,
    until_push,
    until_recorded_more,
    whip_server,
)
from tests.kit.recordings.machine import Machine, ServerProcess
from tests.kit.signals.reading import Reading, read, read_every_track
from tests.kit.signals.tones import TONES
from tests.kit.whip.publishing import KEY, taking, until_live

pytestmark = [
    pytest.mark.livekit,
    pytest.mark.real_time,
    pytest.mark.all_only,
    pytest.mark.timeout(240),
]


@pytest.fixture
def livekit_server(tmp_path: Path) -> Iterator[Server]:
    """One that ffmpeg's WHIP reaches."""
    with whip_server(tmp_path) as server:
        yield server


async def recorded_there(server: ServerProcess, room: str, seconds: float) -> dict[str, Any]:
    """What a copy of it has after so long; its row."""
    id = await server.start_copy(room)
    await server.until_recorded(id, seconds)
    return await stop(server, room, id)


def check(there: Reading, recorded: Reading, tones: set[int], *, settles: bool = False) -> None:
    """What came there is a run of the recording's frames, with everybody who is heard in it.

    `settles`: a copy of it moves its audio once, when it knows more of its place.
    """
    position(recorded.numbers, there.numbers)
    assert there.audio_gaps <= settles
    assert {tone for tone in TONES if sum(b - a for a, b in there.heard[tone]) > 2} == tones
    assert there.offsets_s
    most_s = 0.5 if settles else 0.2
    assert max(map(abs, there.offsets_s)) < most_s + max(map(abs, recorded.offsets_s))


@pytest.mark.parametrize("pipeline", ["mp4", "copy"])
async def test_it_is_a_participant_of_a_livekit_room(
    pipeline: str, machine: Machine, livekit_server: Server
) -> None:
    room, other = f"push whip {pipeline}", f"other room {pipeline}"
    grants = api.VideoGrants(room_join=True, room=other, can_publish=True)
    token = api.AccessToken(LIVEKIT_KEY, SECRET).with_identity("pushed").with_grants(grants)
    address = livekit_server.url.replace("ws://", "whip+http://") + "/whip/v1"
    how = {"pipeline": "copy"} if pipeline == "copy" else {"output_format": "mp4"}
    async with (
        conference(livekit_server, room, video="h264"),
        machine.serving() as server,
    ):
        id = await begin(server, room, output(address, token=token.to_jwt()), **how)
        sent = await until_active(server, id)
        row = await recorded_there(server, other, 6)
        async with api.LiveKitAPI(
            livekit_server.url.replace("ws://", "http://"), LIVEKIT_KEY, SECRET
        ) as service:
            listed = await service.room.list_participants(api.ListParticipantsRequest(room=other))
        ended = await stop(server, room, id)
        push = await until_push(server, id, lambda each: each["state"] != "active")
    (participant,) = [each for each in listed.participants if each.identity == "pushed"]
    kinds = {(track.type, track.mime_type.lower()) for track in participant.tracks}
    assert kinds == {(0, "audio/opus"), (1, "video/h264")}
    assert sent["figures"]["encodes"] == ["audio"]
    assert (push["state"], push["error"], push["attempts"]) == ("complete", None, 0)
    there = read(Path(row["output_path"]))
    check(there, read_every_track(Path(ended["output_path"])), set(TONES[:2]), settles=True)


async def test_it_is_a_publisher_of_this_recorder(machine: Machine, livekit_server: Server) -> None:
    room = "push to whip"
    taking(machine, "lobby")
    async with conference(livekit_server, room, video="h264") as there, machine.serving() as server:
        address = f"whip+{server.url}/whip/lobby"
        id = await begin(server, room, output(address, token=KEY), pipeline="copy")
        sent = await until_active(server, id)
        await until_live(machine, "lobby")
        lobby = await server.start_copy("lobby")
        await server.until_recorded(lobby, 3)
        await there.late.join()
        await server.until_recorded(lobby, 8)
        row = await stop(server, "lobby", lobby)
        await until_recorded_more(server, id, 1)
        ended = await stop(server, room, id)
        push = await until_push(server, id, lambda each: each["state"] != "active")
    assert sent["figures"]["encodes"] == ["audio"]
    assert (push["state"], push["error"], push["attempts"]) == ("complete", None, 0)
    check(
        read(Path(row["output_path"])),
        read_every_track(Path(ended["output_path"])),
        set(TONES[:3]),
    )
