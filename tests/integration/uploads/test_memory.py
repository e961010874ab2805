"""Eight uploads at once, and the object store away for a minute in the middle of them."""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path

import psutil
import pytest

from tests.kit.queued import put_row
from tests.kit.recordings.machine import Machine
from tests.kit.uploads.uploading import add_upload, until, until_sent, uploaders
from tests.kit.uploads.versitygw import VersityGw, binary

pytestmark = [
    pytest.mark.all_only,
    pytest.mark.skipif(binary() is None, reason="no versitygw: run scripts/versitygw"),
    pytest.mark.timeout(400),
]

UPLOADS = 8
BYTES = 48 * 2**20
BPS = 20_000_000
OUTAGE_S = 60
EACH_BYTES = 32 * 2**20
"""What one upload may take of memory."""
FLAT_BYTES = 16 * 2**20


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.settings["ALLOW_PRIVATE_TARGETS"] = "true"
    return machine


async def peak(process: psutil.Process, seconds: float) -> int:
    """The most resident memory for so long, in bytes."""
    most, until_s = 0, time.monotonic() + seconds
    while time.monotonic() < until_s:
        most = max(most, process.memory_info().rss)
        await asyncio.sleep(0.25)
    return most


async def test_memory_is_bounded_and_flat_while_the_store_is_away(
    machine: Machine, s3: VersityGw
) -> None:
    data = hashlib.shake_256(b"file").digest(2**20) * (BYTES // 2**20)
    ids = [f"r{number}" for number in range(UPLOADS)]
    for id in ids:
        path = machine.out / f"{id}.mp4"
        path.write_bytes(data)
        await put_row(machine, path, seconds=60, id=id)
    async with machine.serving() as server:
        how = {"url": "s3://recordings/x", "options": s3.options, "bandwidth_bps": BPS}
        added = {id: (await add_upload(server, id, **how))["id"] for id in ids}
        for id in ids:
            await until_sent(server, id, added[id], 1)
        (process,) = uploaders(machine)
        before = await peak(process, 3)
        await s3.stop()
        for id in ids:
            await until(server, id, added[id], "retrying")
        away = await peak(process, OUTAGE_S)
        await s3.start()
        back_s = time.monotonic()
        after = await peak(process, 5)
        for id in ids:
            done = await until(server, id, added[id], "complete", "failed", within_s=150)
            assert done["state"] == "complete", done
        took_s = time.monotonic() - back_s
    there = s3.objects()
    for id in ids:
        assert there[f"x/{id}-{id}/{id}.mp4"].read_bytes() == data
    assert s3.unfinished() == []
    mb = [round(one / 2**20) for one in (before, away, after)]
    print(f"{mb} MB before, during, after; complete {took_s:.0f} s after the store's return")
    assert max(before, after) < UPLOADS * EACH_BYTES
    assert away < before + FLAT_BYTES
