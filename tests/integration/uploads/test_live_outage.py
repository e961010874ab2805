"""Eight live recordings whose parts are uploaded, and the object store away for a minute."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.kit.livekit.many_rooms import many_rooms, room_name
from tests.kit.livekit.server import Server
from tests.kit.queued import ID, put_recording
from tests.kit.recordings.copied import tracks
from tests.kit.recordings.machine import Machine, ServerProcess
from tests.kit.recordings.waits import FPS
from tests.kit.uploads.live import BESIDE, PREFIX, check_there, start, until_parts, until_sending
from tests.kit.uploads.memory import memory_of
from tests.kit.uploads.uploading import add_upload, until, uploaders
from tests.kit.uploads.versitygw import VersityGw, binary

pytestmark = [
    pytest.mark.all_only,
    pytest.mark.livekit,
    pytest.mark.real_time,
    pytest.mark.skipif(binary() is None, reason="no versitygw: run scripts/versitygw"),
    pytest.mark.timeout(500),
]

ROOMS = 8
KBPS = 2_400
SPLIT_S = 30
"""9 MB: sent in parts,"""
BPS = 16_000_000
"""within five seconds."""
OUTAGE_S = 60
FLAT_BYTES = 8 * 2**20
AT_ONCE_BYTES = 32 * 2**20
"""What sending what has waited may take: more files at once than before."""


@pytest.fixture
def machine(tmp_path: Path, livekit_server: Server) -> Machine:
    machine = Machine(tmp_path, livekit_server)
    machine.settings["ALLOW_PRIVATE_TARGETS"] = "true"
    return machine


def by_kind(machine: Machine, server: ServerProcess) -> dict[str, list[psutil.Process]]:
    """Everything that runs."""
    uploading = uploaders(machine)
    others = [one for one in machine.processes() if one not in uploading]
    serving = [one for one in others if one.pid == server.process.pid]
    return {
        "server": serving,
        "uploader": uploading,
        "workers": [one for one in others if one not in serving],
    }


async def upload_other(server: ServerProcess, s3: VersityGw) -> None:
    """A recording that has ended: from then on the uploader has what thumbnails are made with."""
    added = await add_upload(server, ID, url="s3://recordings/other", options=s3.options)
    await until(server, ID, added["id"], "complete")


def missing(times_ms: list[int]) -> int:
    """How many frames would fit into the gaps between these."""
    return sum(max(round((after - at) * FPS / 1000) - 1, 0) for at, after in pairwise(times_ms))


def check_frames(row: dict[str, Any]) -> int:
    """All packets came, and every frame of them is in the files; how many a publisher left out."""
    assert (row["state"], row["error"], row["integrity"]) == ("completed", None, "whole")
    times = [tracks(Path(one["path"]))["video"].times_ms for one in row["files"]]
    video, source = row["figures"]["video"], row["figures"]["source"]
    assert (video["received"], video["dropped"]) == (sum(map(len, times)), 0)
    assert (source["packets_lost"], source["frames_undecodable"]) == (0, 0)
    return sum(map(missing, times))


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_a_minute_without_the_store_costs_no_frame_and_no_memory(
    machine: Machine, s3: VersityGw, livekit_server: Server, how: str
) -> None:
    rooms = [room_name(number) for number in range(ROOMS)]
    await put_recording(machine, seconds=2)
    async with (
        many_rooms(livekit_server, ROOMS, "640x360", KBPS),
        machine.serving() as server,
    ):
        started = [await start(server, s3, room, split_s=SPLIT_S, bps=BPS) for room in rooms]

        async def parts(least: int) -> None:
            for id, _ in started:
                await until_parts(server, id, least)

        await parts(1)
        await upload_other(server, s3)
        async with memory_of(lambda: by_kind(machine, server)) as before:
            await parts(2)
            await until_sending(s3)
        async with memory_of(lambda: by_kind(machine, server)) as during, s3.away(how):
            await asyncio.sleep(OUTAGE_S)
        back_s = time.monotonic()
        async with memory_of(lambda: by_kind(machine, server)) as after:
            await parts(5)
            for room in rooms:
                await server.post("/api/recording/stop", mint_id=room)
            stop_s = time.monotonic()
            for id, output in started:
                done = await until(server, id, output, "complete", "failed", within_s=200)
                assert done["state"] == "complete", done
        took = [round(time.monotonic() - since_s) for since_s in (back_s, stop_s)]
        rows = [await server.recording(id) for id, _ in started]
    print(f"{how}: {before}; away {during}; after {after}; complete {took} s after return, stop")
    left_out = [check_frames(row) for row in rows]
    print(f"publishers left out {left_out} frames, others none")
    for row in rows:
        check_there(row, s3)
    assert s3.unfinished() == []
    there = [key for key in s3.objects() if key.startswith(f"{PREFIX}/")]
    assert len(there) == sum(len(row["files"]) + BESIDE for row in rows)
    for name in ("server", "uploader"):
        assert during.most[name] < before.most[name] + FLAT_BYTES, name
        assert after.most[name] < before.most[name] + AT_ONCE_BYTES, name
