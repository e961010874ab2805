"""Pushes of real rooms through kills: of the worker, the recording's ffmpeg and the push's own."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.integration.recordings.test_crashes import pid_of
from tests.kit.livekit.crowd import conference
from tests.kit.livekit.server import Server
from tests.kit.ports import free_port
from tests.kit.pushes.receivers import receiving
from tests.kit.pushes.rooms import (
    arrived,
    begin,
    output,
    states,
    stop,
    until_active,
    until_push,
    until_recorded_more,
)
from tests.kit.pushes.turns import in_turns
from tests.kit.recordings.machine import Machine
from tests.kit.signals.reading import read, read_every_track

pytestmark = [
    pytest.mark.livekit,
    pytest.mark.real_time,
    pytest.mark.all_only,
    pytest.mark.timeout(240),
]

FPS = 30
KEY = "a-push-key-nobody-may-see"
ASKED = {"mp4": {"output_format": "mp4"}, "copy": {"pipeline": "copy"}}


def pushing(machine: Machine) -> list[psutil.Process]:
    """The ffmpegs that push."""
    return [each for each in machine.processes() if each.cmdline()[-1:] == ["$PUSH_TARGET"]]


@pytest.mark.parametrize("pipeline", ["mp4", "copy"])
async def test_the_next_worker_goes_on_with_it(
    pipeline: str, machine: Machine, livekit_server: Server, tmp_path: Path
) -> None:
    room = f"push killed {pipeline}"
    async with (
        conference(livekit_server, room, video="h264") as there,
        machine.serving() as server,
        in_turns(tmp_path, 2, KEY) as turns,
    ):
        id = await begin(server, room, output(turns.url), **ASKED[pipeline])
        await until_active(server, id)
        await until_recorded_more(server, id, 3)
        pid, before = await pid_of(server, id, "worker"), there.host.sent
        os.kill(pid, signal.SIGKILL)
        cut = await until_push(server, id, lambda row: row["state"] == "retrying")
        again = await until_active(server, id)
        after = there.host.sent
        await until_recorded_more(server, id, 3)
        row = await stop(server, room, id)
        push = await until_push(server, id, lambda each: each["state"] != "active")
        for each in turns.receivers:
            await each.ended()
        said = await states(server, id)
        await server.end(signal.SIGTERM)
    assert (row["state"], row["error"]) == ("completed", None)
    assert "worker ended" in cut["error"]["error"]
    assert (again["error"], again["next_try_at"], again["figures"]["reconnects"]) == (None, None, 1)
    assert again["figures"]["bytes"] > cut["figures"]["bytes"] > 0, "it goes on counting"
    assert (push["state"], push["attempts"]) == ("complete", 0)
    steps = [each.partition(": ")[2].split(":")[0] for each in said]
    assert steps == [
        "waiting -> active",
        "active -> retrying",
        "retrying -> active",
        "active -> complete",
    ]
    recorded = read_every_track(Path(row["output_path"]))
    first, second = (arrived(each.path, recorded) for each in turns.receivers)
    assert first.numbers[-1] <= before + FPS
    assert second.numbers[0] > first.numbers[-1]
    assert second.numbers[0] < after
    assert second.numbers[-1] == recorded.numbers[-1]
    assert second.audio_gaps == 0
    await machine.until_nothing_is_left()


async def test_its_own_ffmpeg_is_killed_and_the_recordings(
    machine: Machine, livekit_server: Server, tmp_path: Path
) -> None:
    room = "push's ffmpeg"
    async with (
        conference(livekit_server, room) as there,
        machine.serving() as server,
        in_turns(tmp_path, 3, KEY) as turns,
    ):
        id = await begin(server, room, output(turns.url), output_format="mp4")
        await until_active(server, id)
        await until_recorded_more(server, id, 2)
        (ffmpeg,) = pushing(machine)
        ffmpeg.kill()
        cut = await until_push(server, id, lambda row: row["state"] == "retrying")
        await until_active(server, id)
        await until_recorded_more(server, id, 2)
        so_far = (await server.recording(id))["figures"]["video"]
        pid, before = await pid_of(server, id, "ffmpeg"), there.host.sent
        os.kill(pid, signal.SIGKILL)
        await pid_of(server, id, "ffmpeg", other_than=pid)
        await until_recorded_more(server, id, 4)
        row = await stop(server, room, id)
        push = await until_push(server, id, lambda each: each["state"] != "active")
        for each in turns.used:
            await each.ended()
        said = await states(server, id)
        await server.end(signal.SIGTERM)
    assert (row["state"], row["error"]) == ("completed", None)
    assert "ffmpeg" in cut["error"]["error"], cut["error"]
    assert so_far["dropped"] == 0, "the recording doesn't notice that the push's is killed"
    assert (push["state"], push["attempts"], push["figures"]["reconnects"]) == ("complete", 1, 1)
    assert len(turns.used) == 2, "its other segment comes in the same one"
    assert [each for each in said if "connects again" in each] == []
    recorded = read(Path(row["output_path"]))
    arrived(turns.used[0].path, recorded)
    second = arrived(turns.used[1].path, recorded)
    assert second.numbers[0] < before < second.numbers[-1]
    assert second.numbers[-1] == recorded.numbers[-1]
    await machine.until_nothing_is_left()


async def test_one_that_fails_forever_costs_the_other_and_the_file_nothing(
    machine: Machine, livekit_server: Server, tmp_path: Path
) -> None:
    room, port = "two pushes", free_port()
    nobody = f"rtmp://127.0.0.1:{free_port()}/live/{KEY}"
    good, added = f"rtmp://127.0.0.1:{port}/live/{KEY}", f"srt://127.0.0.1:{free_port()}"
    async with (
        conference(livekit_server, room),
        machine.serving() as server,
        receiving(good, tmp_path / "good.mkv") as receiver,
        receiving(f"{added}?mode=listener", tmp_path / "added.mkv") as late,
    ):
        id = await begin(server, room, output(nobody), output(good), output_format="mp4")
        await until_active(server, id, 1)
        answer = await server.client.post(f"/api/recordings/{id}/outputs", json=output(added))
        assert answer.status_code in (200, 201), answer.text
        await until_active(server, id, 2)
        await until_recorded_more(server, id, 3)
        third = (await server.get(f"/api/recordings/{id}/outputs"))["outputs"][2]["id"]
        await server.client.delete(f"/api/recordings/{id}/outputs/{third}")
        await until_push(server, id, lambda each: each["state"] == "removed", 2)
        await late.ended()
        await until_push(server, id, lambda each: each["attempts"] >= 4)
        await until_recorded_more(server, id, 2)
        row = await stop(server, room, id)
        failed = await until_push(server, id, lambda each: each["state"] == "failed")
        push = await until_push(server, id, lambda each: each["state"] != "active", 1)
        await receiver.ended()
        await server.end(signal.SIGTERM)
    assert (row["state"], row["error"]) == ("completed", None)
    assert "refused" in failed["error"]["error"]
    assert (push["state"], push["attempts"], push["figures"]["reconnects"]) == ("complete", 0, 0)
    assert push["figures"]["skips"] == 0
    recorded = read(Path(row["output_path"]))
    video = row["figures"]["video"]
    assert video["dropped"] == 0
    assert len(recorded.codes) == video["received"] - video["late"] + video["filled"]
    assert recorded.in_order_and_once
    got = arrived(receiver.path, recorded)
    assert got.numbers[-1] == recorded.numbers[-1]
    assert got.audio_gaps == 0
    arrived(late.path, recorded)
    await machine.until_nothing_is_left()
