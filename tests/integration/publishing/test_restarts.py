"""Publishers and recordings while servers and workers die, and what is shown of their keys."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.kit.recordings.machine import Machine
from tests.kit.recordings.waits import FPS, eventually
from tests.kit.signals.reading import read
from tests.kit.whip.publishing import KEY, holder_of, publishing, taking, until_live

pytestmark = pytest.mark.real_time


def shows_the_key(process: psutil.Process) -> bool:
    """Whether anybody who lists processes would see it."""
    return KEY in " ".join(process.cmdline())


def on_disk(machine: Machine) -> list[Path]:
    """Files that have the key."""
    files = [path for path in machine.folder.rglob("*") if path.is_file()]
    return [path for path in files if KEY.encode() in path.read_bytes()]


async def test_a_new_server_finds_the_publisher_and_its_recording(
    tmp_path: Path, films: Path
) -> None:
    machine = Machine(tmp_path)
    machine.settings["LOG_LEVEL"] = "debug"
    taking(machine, "lobby")
    async with machine.serving() as server:
        port = server.port
        async with publishing(server.url, "lobby", films) as publisher:
            await until_live(machine, "lobby")
            id = await server.start_copy("lobby")
            await server.until_recorded(id, 1)
            assert not any(map(shows_the_key, machine.processes()))
            assert on_disk(machine) == []
            server.process.kill()
            await server.until_gone()
            await until_live(machine, "lobby")
            async with machine.serving(port) as other:
                assert (await other.get("/api/live/validate/lobby"))["is_live"]
                row = await other.recording(id)
                assert row["state"] == "recording"
                await other.until_recorded(id, row["duration_seconds"] + 1)
                answer = await other.post("/api/recording/stop", mint_id="lobby")
                # The publisher is still there, and is recorded once more.
                again = await other.start_copy("lobby")
                await other.until_recorded(again, 1)
                await publisher.leave()
                await until_live(machine, "lobby", live=False)
                await other.end(signal.SIGTERM)
    reading = read(Path(answer["final_path"]))
    assert reading.in_order_and_once
    assert reading.missing == 0
    assert on_disk(machine) == []
    await machine.until_nothing_is_left()


@pytest.mark.all_only
async def test_a_server_that_is_told_to_stop_ends_its_publishers(
    tmp_path: Path, films: Path
) -> None:
    machine = Machine(tmp_path)
    taking(machine, "lobby")
    async with machine.serving() as server, publishing(server.url, "lobby", films):
        await until_live(machine, "lobby")
        id = await server.start_copy("lobby")
        await server.until_recorded(id, 1)
        await server.end(signal.SIGTERM)
    (file,) = machine.out.glob("*.mkv")
    assert read(file).missing == 0
    await machine.until_nothing_is_left()


@pytest.mark.all_only
async def test_after_a_killed_worker_the_publisher_comes_again(tmp_path: Path, films: Path) -> None:
    machine = Machine(tmp_path)
    taking(machine, "lobby")
    async with machine.serving() as server:
        async with publishing(server.url, "lobby", films):
            await until_live(machine, "lobby")
            id = await server.start("lobby")
            await server.until_recorded(id, 2)
            worker = holder_of(machine, server.process.pid)
            os.kill(worker.pid, signal.SIGKILL)
            await until_live(machine, "lobby", live=False)
        row = await server.recording(id)
        await eventually(lambda: "worker died" in machine.log(), machine.log, within_s=30)
        async with publishing(server.url, "lobby", films, from_s=30.0):
            await until_live(machine, "lobby")
            await server.until_recorded(id, (row["duration_seconds"] or 2) + 4)
            answer = await server.post("/api/recording/stop", mint_id="lobby")
        await server.end(signal.SIGTERM)
    reading = read(Path(answer["final_path"]))
    assert any(number < 30 * FPS for number in reading.numbers)
    assert sum(number >= 30 * FPS for number in reading.numbers) > 30, "in one file"
    await machine.until_nothing_is_left()


@pytest.mark.all_only
async def test_a_worker_that_dies_while_nobody_records_costs_only_the_session(
    tmp_path: Path, films: Path
) -> None:
    machine = Machine(tmp_path)
    taking(machine, "lobby")
    async with machine.serving() as server:
        async with publishing(server.url, "lobby", films):
            await until_live(machine, "lobby")
            worker = holder_of(machine, server.process.pid)
            os.kill(worker.pid, signal.SIGKILL)
            await until_live(machine, "lobby", live=False)
        async with publishing(server.url, "lobby", films, from_s=30.0):
            await until_live(machine, "lobby")
            id = await server.start_copy("lobby")
            await server.until_recorded(id, 1)
            await server.post("/api/recording/stop", mint_id="lobby")
        await server.end(signal.SIGTERM)
    await machine.until_nothing_is_left()
