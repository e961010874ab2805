"""Copies whose connection, worker, server, power or disk is gone: at most a second is lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from orchestrator.server.manager import Manager
from orchestrator.settings import Settings
from tests.integration.recordings.test_faults import until_process
from tests.kit.livekit.crowd import GUESTS, conference
from tests.kit.livekit.server import Server
from tests.kit.managing import managing
from tests.kit.network import wired
from tests.kit.recordings.copied import asked, decode_errors, event_log, heard, kinds, tracks
from tests.kit.recordings.disk import Disk, mounted
from tests.kit.recordings.machine import Machine
from tests.kit.recordings.waits import (
    FPS,
    until_duration,
    until_more,
    until_received,
    until_state,
)
from tests.kit.signals.reading import Reading

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

GUEST = "speaker-0 microphone"


@pytest.fixture
def machine(tmp_path: Path, livekit_server: Server) -> Machine:
    return Machine(tmp_path, livekit_server)


def lost_s(reading: Reading) -> float:
    """The longest run of frames that are missing, in seconds."""
    return max(b - a - 1 for a, b in pairwise(reading.numbers)) / FPS


def moved_s(reading: Reading) -> float:
    """How far frames stand from where their numbers say, at most."""
    first_s, first = reading.codes[0]
    return max(abs(at_s - first_s - (number - first) / FPS) for at_s, number in reading.codes)


def check(path: Path) -> Reading:
    """One file with all tracks, each of which plays and stands at its true time."""
    assert decode_errors(path) == []
    assert len(tracks(path)) == 4
    reading = heard(path, "publisher microphone")
    assert reading.in_order_and_once
    assert moved_s(reading) < 0.5
    assert all(abs(offset_s) < 0.4 for offset_s in reading.offsets_s), reading.offsets_s
    print(f"lost: {lost_s(reading):.2f} s of video")
    return reading


async def test_a_killed_worker_is_followed_by_another_into_the_same_file(
    manager: Manager, livekit_server: Server
) -> None:
    room = "copy killed"
    async with conference(livekit_server, room) as there:
        started = await manager.start(asked(room))
        pid = await until_process(manager, room, "worker")
        async with asyncio.timeout(30):  # audio has its place beside the video by then
            while not any(s.audio_samples for s in await manager.catalog.segments(started.id)):
                await asyncio.sleep(0.05)
        await until_duration(manager, room, 3)
        killed = there.host.sent
        os.kill(pid, signal.SIGKILL)
        await until_process(manager, room, "worker", other_than=pid)
        await until_more(manager, room, 3 * FPS)
        ended = await manager.stop(room)
    print(await event_log(manager, ended), ended.figures)
    assert (ended.state, ended.error, ended.id) == ("completed", None, started.id)
    (file,) = await manager.catalog.files(ended.id)
    assert (file.integrity, file.problem) == ("whole", None)
    reading = check(Path(ended.output_path))
    kept = max(number for number in reading.numbers if number < killed)
    assert killed - kept <= FPS, "what had come is in the file, but for a second"
    assert lost_s(reading) < 8, "and the next one comes soon"
    guest = heard(Path(ended.output_path), GUEST).heard[GUESTS[0]]
    assert len(guest) == 2
    assert guest[1][0] - guest[0][1] < 8
    assert not Path(ended.work_directory).exists()


@pytest.mark.all_only
async def test_a_lost_connection_leaves_a_gap_in_one_segment(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    room = "copy reconnects"
    async with (
        wired(livekit_server.port) as wire,
        conference(livekit_server, room),
        managing(settings_for(livekit_url=f"ws://127.0.0.1:{wire.port}")) as manager,
    ):
        await manager.start(asked(room))
        await until_received(manager, room, 3 * FPS)
        await wire.cut()
        await until_state(manager, room, "reconnecting")
        await wire.restore()
        await until_state(manager, room, "recording")
        await until_more(manager, room, 3 * FPS)
        ended = await manager.stop(room)
        assert len(await manager.catalog.segments(ended.id)) == 1
        print(await event_log(manager, ended))
    assert (ended.state, ended.worker_starts) == ("completed", 1)
    reading = check(Path(ended.output_path))
    assert len(reading.codes) == ended.figures["video"]["received"]


@pytest.mark.all_only
async def test_a_server_that_is_restarted_is_joined_again(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    room = "copy restarts"
    async with managing(settings_for()) as manager:
        async with conference(livekit_server, room):
            started = await manager.start(asked(room))
            await until_received(manager, room, 3 * FPS)
            await asyncio.to_thread(livekit_server.stop)
            await until_state(manager, room, "reconnecting")
        await asyncio.to_thread(livekit_server.start)
        async with conference(livekit_server, room):
            await until_state(manager, room, "recording")
            await until_more(manager, room, 3 * FPS)
            ended = await manager.stop(room)
        log = await event_log(manager, ended)
        print(log)
    assert (ended.state, ended.error, ended.id) == ("completed", None, started.id)
    assert decode_errors(Path(ended.output_path)) == []
    assert len(tracks(Path(ended.output_path))) == 4, "who comes back goes on in his track"


@pytest.mark.all_only
async def test_a_killed_server_costs_nothing(machine: Machine, livekit_server: Server) -> None:
    machine.settings["LEAVE_RECORDINGS_RUNNING"] = "true"
    async with conference(livekit_server, "copy server"):
        async with machine.serving() as server:
            id = await server.start_copy("copy server")
            await server.until_recorded(id, 3)
            await server.end(signal.SIGKILL)
        async with machine.serving() as second:
            before_s = (await second.recording(id))["duration_seconds"]
            await second.until_recorded(id, before_s + 3)
            await second.post("/api/recording/stop", mint_id="copy server")
            row = await second.recording(id)
            await second.end(signal.SIGTERM)
    assert (row["state"], row["error"], row["recovered"]) == ("completed", None, False)
    assert lost_s(check(Path(row["output_path"]))) < 0.2
    await machine.until_nothing_is_left()


@pytest.mark.all_only
async def test_a_power_cut_costs_a_second(machine: Machine, livekit_server: Server) -> None:
    async with conference(livekit_server, "copy power") as there:
        async with machine.serving() as server:
            id = await server.start_copy("copy power")
            await server.until_recorded(id, 10)  # audio has its place by then
            last = there.host.sent
            machine.switch_off()
        assert machine.leftovers(), "work folders are there now"
        async with machine.serving() as second:
            row = await second.until_ended(id)
            await second.end(signal.SIGTERM)
    assert (row["state"], row["error"], row["recovered"]) == ("completed", None, True)
    reading = check(Path(row["output_path"]))
    print(f"lost at the end: {(last - reading.numbers[-1]) / FPS:.2f} s of video")
    assert (last - reading.numbers[-1]) / FPS <= 1
    assert (row["video_codec"], row["audio_codec"]) == ("vp8", "opus")
    await machine.until_nothing_is_left()


@pytest.mark.all_only
async def test_a_full_disk_is_waited_for(
    settings_for: Callable[..., Settings], livekit_server: Server, disk: Disk
) -> None:
    room = "copy full"
    settings = settings_for(output_directory=disk.path / "out")
    async with managing(settings) as manager, conference(livekit_server, room):
        started = await manager.start(asked(room))
        await until_received(manager, room, 3 * FPS)
        disk.fill(0)
        async with asyncio.timeout(30):
            while "No space left" not in await event_log(manager, started):
                await asyncio.sleep(0.05)
        disk.make_room()  # in time: it is waited for 5 s
        async with asyncio.timeout(60):
            while len(await manager.catalog.segments(started.id)) < 2:
                assert (await manager.get(started.id)).ended_at is None
                await asyncio.sleep(0.05)
        await until_more(manager, room, 3 * FPS)
        ended = await manager.stop(room)
        print(await event_log(manager, ended), ended.figures, await kinds(manager, ended))
    assert (ended.state, ended.error) == ("completed", None)
    check(Path(ended.output_path))


@pytest.fixture
def disk(tmp_path: Path) -> Any:
    with mounted(tmp_path / "disk", mib=8) as made:
        if made is None:
            pytest.skip("mounting a small file system takes root (and CAP_SYS_ADMIN)")
        yield made
