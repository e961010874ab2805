"""Workers and whole machines that are killed: what is recorded stays, and nothing else does."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import psutil
import pytest

from orchestrator.catalog.store import Catalog
from tests.integration.recordings.test_faults import true_times
from tests.kit.livekit.crowd import conference
from tests.kit.livekit.server import Server
from tests.kit.ports import free_port
from tests.kit.recordings.machine import Machine, ServerProcess
from tests.kit.signals.reading import Reading, read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

FPS = 30


@pytest.fixture
def machine(tmp_path: Path, livekit_server: Server) -> Machine:
    """A machine whose servers know the test's LiveKit."""
    return Machine(tmp_path, livekit_server)


async def pid_of(server: ServerProcess, id: str, role: str, other_than: int = 0) -> int:
    """The recording's worker or ffmpeg, once it records and is another than before."""
    found: list[int] = []

    async def look() -> bool:
        row = await server.recording(id)
        process = (row["figures"].get("processes") or {}).get(role) or {}
        pid = int(process.get("pid") or 0)
        found.append(pid)
        return row["state"] == "recording" and pid not in (0, other_than)

    async with asyncio.timeout(60):
        while not await look():
            await asyncio.sleep(0.05)
    return found[-1]


def outage_s(reading: Reading) -> float:
    """The longest run of frames that are missing, in seconds."""
    return max(b - a for a, b in pairwise(reading.numbers)) / FPS


async def kill_zygote(server: ServerProcess) -> None:
    """Returns when there is another one."""
    killed = await zygote_of(server)
    os.kill(killed, signal.SIGKILL)
    async with asyncio.timeout(30):
        while await zygote_of(server) == killed:
            await asyncio.sleep(0.05)


async def zygote_of(server: ServerProcess) -> int:
    """Its pid, once there is one."""
    async with asyncio.timeout(30):
        while True:
            listed = (await server.get("/api/processes"))["processes"]
            if waiting := [p["pid"] for p in listed if p["state"] == "waiting"]:
                return int(waiting[0])
            await asyncio.sleep(0.05)


async def test_a_killed_worker_costs_seconds_and_leaves_nothing(
    machine: Machine, livekit_server: Server
) -> None:
    machine.settings["WORKER_IN_RESERVE"] = "true"  # as it is unless somebody turns it off
    async with conference(livekit_server, "worker"), machine.serving() as server:
        id = await server.start("worker")
        pid = await pid_of(server, id, "worker")
        await server.until_recorded(id, 3)
        await machine.until_written()
        await kill_zygote(server)
        os.kill(pid, signal.SIGKILL)
        await pid_of(server, id, "worker", other_than=pid)
        # Who died after the zygote is nobody's child: an init reaps it, where there is one.
        ours = psutil.Process(server.process.pid).children(recursive=True)
        assert not [p for p in ours if p.status() == psutil.STATUS_ZOMBIE]
        await server.until_recorded(id, 8)
        await server.post("/api/recording/stop", mint_id="worker")
        row = await server.recording(id)
        await server.end(signal.SIGTERM)
    assert (row["state"], row["error"], row["recovered"]) == ("completed", None, False)
    reading = read(Path(row["output_path"]))
    print(f"missing after a killed worker: {outage_s(reading):.2f} s")
    assert outage_s(reading) <= 4
    assert reading.in_order
    assert max(abs(off) for off in true_times(Path(row["output_path"]))) < 0.5
    await machine.until_nothing_is_left()


@pytest.mark.all_only
async def test_a_worker_that_dies_after_the_wall_clock_was_set_leaves_no_larger_gap(
    machine: Machine, livekit_server: Server
) -> None:
    async with conference(livekit_server, "clock"), machine.serving() as server:
        id = await server.start("clock")
        pid = await pid_of(server, id, "worker")
        await server.until_recorded(id, 3)
        await machine.until_written()
        await set_ahead(machine, id, timedelta(seconds=30))
        os.kill(pid, signal.SIGKILL)
        await pid_of(server, id, "worker", other_than=pid)
        await server.until_recorded(id, 8)
        await server.post("/api/recording/stop", mint_id="clock")
        row = await server.recording(id)
        await server.end(signal.SIGTERM)
    assert (row["state"], row["error"]) == ("completed", None)
    reading = read(Path(row["output_path"]))
    assert reading.in_order
    assert max(abs(off) for off in true_times(Path(row["output_path"]))) < 0.5


async def set_ahead(machine: Machine, id: str, step: timedelta) -> None:
    """Moves wall times of the recording's row and files back, as they are once a clock was set."""
    catalog = Catalog(machine.settings["DATABASE_URL"])
    await catalog.open(migrate=False)
    row = await catalog.get(id)
    assert row.started_at is not None
    await catalog.update(id, started_at=row.started_at - step)
    for path in Path(row.work_directory).iterdir():
        at_s = path.stat().st_mtime - step.total_seconds()
        os.utime(path, (at_s, at_s))
    await catalog.close()


@pytest.mark.all_only
async def test_an_ffmpeg_that_stands_still_after_its_worker_died_is_ended(
    machine: Machine, livekit_server: Server
) -> None:
    async with conference(livekit_server, "still"), machine.serving() as server:
        id = await server.start("still")
        worker, ffmpeg = [await pid_of(server, id, role) for role in ("worker", "ffmpeg")]
        await server.until_recorded(id, 4)
        await machine.until_written()
        os.kill(ffmpeg, signal.SIGSTOP)
        os.kill(worker, signal.SIGKILL)
        await pid_of(server, id, "worker", other_than=worker)
        await server.post("/api/recording/stop", mint_id="still")
        row = await server.recording(id)
        await server.end(signal.SIGTERM)
    assert (row["state"], row["error"]) == ("completed", None)
    assert len(read(Path(row["output_path"])).codes) >= FPS
    await machine.until_nothing_is_left()


@pytest.mark.all_only
async def test_after_a_power_cut_neither_the_network_nor_the_last_commits_are_needed(
    machine: Machine, livekit_server: Server
) -> None:
    log = machine.folder / "catalog.db-wal"
    async with conference(livekit_server, "offline"), machine.serving() as server:
        starting = asyncio.create_task(server.start("offline"))
        await until_it_has_a_worker(machine, "offline")
        synced = log.read_bytes()
        id = await starting
        await server.until_recorded(id, 2)
        await machine.until_written()
        machine.switch_off()
    # All that had to be on the disk by then: nothing of a segment, nor that it records at all.
    log.write_bytes(synced)
    (machine.folder / "catalog.db-shm").unlink()
    machine.settings["LIVEKIT_URL"] = f"ws://127.0.0.1:{free_port()}"
    async with machine.serving() as second:
        row = await second.until_ended(id)
        await second.end(signal.SIGTERM)
    assert (row["state"], row["error"], row["recovered"]) == ("completed", None, True)
    assert len(read(Path(row["output_path"])).codes) >= FPS // 2
    await machine.until_nothing_is_left()


async def until_it_has_a_worker(machine: Machine, room: str) -> None:
    """Wait until the catalog names the worker of this room's recording."""
    catalog = Catalog(machine.settings["DATABASE_URL"])
    await catalog.open(migrate=False)
    async with asyncio.timeout(30):
        while (row := await catalog.active_of(room)) is None or row.worker_pid is None:
            await asyncio.sleep(0.01)
    await catalog.close()


@pytest.mark.all_only
async def test_a_power_cut_before_the_first_frame_is_no_recording(
    machine: Machine, livekit_server: Server
) -> None:
    async with conference(livekit_server, "early"):
        async with machine.serving() as server:
            starting = asyncio.create_task(server.start("early"))
            while not (await server.get("/api/recording/active"))["count"]:
                assert not starting.done(), starting
            machine.switch_off()  # long before its worker has a frame
            with pytest.raises(httpx.HTTPError):
                await starting
        async with machine.serving() as second:
            (listed,) = (await second.get("/api/recordings"))["recordings"]
            row = await second.until_ended(listed["id"])
            await second.end(signal.SIGTERM)
    assert (row["state"], row["recovered"]) == ("failed", True)
    assert row["error"].startswith("Nothing was recorded")
    await machine.until_nothing_is_left()


@pytest.mark.all_only
async def test_after_a_power_cut_the_files_are_made_of_what_was_written(
    machine: Machine, livekit_server: Server
) -> None:
    async with conference(livekit_server, "webm") as webm, conference(livekit_server, "av1") as av1:
        publishers = {"webm": webm, "av1": av1}
        async with machine.serving() as server:
            ids = {room: await server.start(room, output_format=room) for room in publishers}
            for id in ids.values():
                await server.until_recorded(id, 4)
            await machine.until_written(len(ids))
            for id in ids.values():  # what was held for audio is in the files by then
                recorded_s = (await server.recording(id))["duration_seconds"]
                await server.until_recorded(id, recorded_s + 3)
            last = {room: publisher.host.sent for room, publisher in publishers.items()}
            machine.switch_off()
        assert machine.leftovers(), "pipes and work folders are there now"
        async with machine.serving() as second:
            rows = {room: await second.until_ended(id) for room, id in ids.items()}
            assert (await second.get("/api/recording/active"))["count"] == 0
            await second.end(signal.SIGTERM)
    for room, row in rows.items():
        assert (row["state"], row["error"], row["recovered"]) == ("completed", None, True)
        assert "recovered" in {event["kind"] for event in row["events"]}
        reading = read(Path(row["output_path"]))
        assert reading.in_order
        print(f"{room}: lost at the end: {(last[room] - reading.numbers[-1]) / FPS:.2f} s")
        assert last[room] - reading.numbers[-1] < 2 * FPS + FPS, "and what was on its way"
    await machine.until_nothing_is_left()


@pytest.mark.all_only
async def test_after_a_power_cut_it_is_recorded_on_when_told_so(
    machine: Machine, livekit_server: Server
) -> None:
    machine.settings["RESUME_AFTER_RESTART"] = "true"
    async with conference(livekit_server, "on"):
        async with machine.serving() as server:
            id = await server.start("on")
            await server.until_recorded(id, 2)
            await machine.until_written()
            machine.switch_off()
        async with machine.serving() as second:
            before = await second.until_ended(id)
            new = await until_active(second, "on")
            await second.until_recorded(new, 1)
            await second.post("/api/recording/stop", mint_id="on")
            after = await second.recording(new)
            await second.end(signal.SIGTERM)
    assert (before["state"], before["recovered"]) == ("completed", True)
    assert (after["state"], after["recovered"]) == ("completed", False)
    assert (after["pipeline"], after["video_quality"]) == ("mp4", "low")
    assert read(Path(before["output_path"])).codes
    assert read(Path(after["output_path"])).codes
    await machine.until_nothing_is_left()


async def until_active(server: ServerProcess, room: str) -> str:
    """The id of the recording of this room that records."""
    async with asyncio.timeout(60):
        while True:
            active = (await server.get("/api/recording/active"))["recordings"]
            if room in active and active[room]["state"] == "recording":
                return str(active[room]["id"])
            await asyncio.sleep(0.05)
