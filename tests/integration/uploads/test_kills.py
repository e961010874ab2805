"""A live recording whose parts are uploaded, while who records, uploads and serves is killed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.server import Server
from tests.kit.queued import kill
from tests.kit.recordings.machine import Machine, ServerProcess
from tests.kit.uploads.live import (
    BESIDE,
    check_there,
    start,
    until_parts,
    until_sending,
    until_sent,
)
from tests.kit.uploads.uploading import until, uploaders
from tests.kit.uploads.versitygw import VersityGw, binary

pytestmark = [
    pytest.mark.all_only,
    pytest.mark.livekit,
    pytest.mark.real_time,
    pytest.mark.skipif(binary() is None, reason="no versitygw: run scripts/versitygw"),
    pytest.mark.timeout(300),
]

ROOM = "killed"
OPTIONS = ("--size", "640x360", "--prepare", "90", "--pad-kbps", "9000")
SPLIT_S = 10
"""11 MB: sent in parts,"""
BPS = 16_000_000
"""within six seconds."""


@pytest.fixture
def machine(tmp_path: Path, livekit_server: Server) -> Machine:
    machine = Machine(tmp_path, livekit_server)
    machine.settings |= {"ALLOW_PRIVATE_TARGETS": "true", "LEAVE_RECORDINGS_RUNNING": "true"}
    return machine


async def until_worker(server: ServerProcess, id: str, other_than: int = 0) -> psutil.Process:
    """The process that records."""
    async with asyncio.timeout(60):
        while True:
            worker = (await server.recording(id))["figures"].get("processes", {}).get("worker")
            if worker and worker["pid"] != other_than:
                return psutil.Process(worker["pid"])
            await asyncio.sleep(0.1)


async def test_nothing_is_missing_and_nothing_is_left_open_whoever_is_killed(
    machine: Machine, s3: VersityGw, livekit_server: Server
) -> None:
    async with publishing(livekit_server, ROOM, *OPTIONS):
        async with machine.serving() as server:
            id, output = await start(server, s3, ROOM, split_s=SPLIT_S, bps=BPS)
            await until_sending(s3)
            worker = await until_worker(server, id)
            kill(worker)
            await until_worker(server, id, other_than=worker.pid)
            await until_sent(s3)
            await until_sending(s3)
            (uploader,) = uploaders(machine)
            kill(uploader)
            assert s3.unfinished()
            await until_sent(s3)
            await until_sending(s3)
            server.process.kill()
            await server.until_gone()
            assert s3.unfinished()
        async with machine.serving() as server:
            parts = len((await server.recording(id))["files"])
            await until_parts(server, id, parts + 1)
            await server.post("/api/recording/stop", mint_id=ROOM)
            done = await until(server, id, output, "complete", "failed", within_s=90)
            assert done["state"] == "complete", done
            row = await server.recording(id)
    assert (row["state"], row["error"]) == ("completed", None)
    assert len({one["number"] for one in row["segments"]}) > parts
    check_there(row, s3)
    assert s3.unfinished() == []
    assert len(s3.objects()) == len(row["files"]) + BESIDE
