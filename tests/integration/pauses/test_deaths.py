"""Workers and servers that die while a recording is paused, and every way to ask for a pause."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.recordings.machine import Machine, ServerProcess
from tests.kit.signals.reading import Reading, read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time, pytest.mark.all_only]

FPS = 30


@pytest.fixture
def machine(tmp_path: Path, livekit_server: Server) -> Machine:
    """A machine whose servers know the test's LiveKit."""
    machine = Machine(tmp_path, livekit_server)
    machine.settings["START_TIMEOUT_S"] = "30"
    return machine


async def worker_of(server: ServerProcess, id: str, other_than: int = 0) -> int:
    """The pid of the recording's worker, once it is another one."""
    async with asyncio.timeout(60):
        while True:
            row = await server.recording(id)
            process = (row["figures"].get("processes") or {}).get("worker") or {}
            if (pid := int(process.get("pid") or 0)) not in (0, other_than):
                return pid
            await asyncio.sleep(0.05)


async def until_receiving(server: ServerProcess, id: str) -> None:
    """Until packets of both tracks came for some seconds."""
    async with asyncio.timeout(60):
        while True:
            source = (await server.recording(id))["figures"].get("source") or {}
            if source.get("packets_received", 0) >= 300:
                return
            await asyncio.sleep(0.05)


async def paused(server: ServerProcess, room: str, *, still: bool = False) -> dict[str, Any]:
    answer = await server.post("/api/recording/pause", mint_id=room, still=still)
    assert (answer["paused"], answer["recording_state"]) == (True, "paused")
    return answer


def left_out(reading: Reading) -> int:
    """The most frames in a row that aren't there."""
    return max(after - before - 1 for before, after in pairwise(reading.numbers))


def chapters(path: str) -> list[str]:
    with av.open(path) as file:
        return [chapter["metadata"]["title"] for chapter in file.chapters()]


async def test_a_worker_that_is_killed_in_a_pause(machine: Machine, livekit_server: Server) -> None:
    async with publish(livekit_server, "killed") as publisher, machine.serving() as server:
        id = await server.start("killed")
        await server.until_recorded(id, 3)
        await machine.until_written()
        await paused(server, "killed")
        paused_at = publisher.sent
        recorded_s = (await server.recording(id))["duration_seconds"]
        pid = await worker_of(server, id)
        os.kill(pid, signal.SIGKILL)
        await worker_of(server, id, other_than=pid)
        await until_receiving(server, id)
        row = await server.recording(id)
        assert (row["state"], row["wanted"]) == ("paused", "record")
        resumed_at = publisher.sent
        await server.post("/api/recording/resume", mint_id="killed")
        await server.until_recorded(id, recorded_s + 3)
        await server.post("/api/recording/stop", mint_id="killed")
        row = await server.recording(id)
        await server.end(signal.SIGTERM)
    assert (row["state"], row["error"]) == ("completed", None)
    reading = read(Path(row["output_path"]))
    numbers = sorted(set(reading.numbers))
    inside = [n for n in numbers if paused_at + 3 < n < resumed_at - 3]
    print(f"paused at {paused_at}, resumed at {resumed_at}, behind it {numbers[-60:]}")
    assert inside == [], "nothing that was captured in the pause"
    assert [n for n in numbers if n >= resumed_at + FPS], "and it went on"
    lost = paused_at - max(n for n in numbers if n <= paused_at + 3)
    # What was in the encoder when the worker died is lost: up to its look-ahead and a fragment.
    assert lost < 3 * FPS
    behind = min(n for n in numbers if n > resumed_at - 3)
    assert behind <= resumed_at + FPS // 2, "it goes on at once"
    assert chapters(row["output_path"])
    await machine.until_nothing_is_left()


async def test_a_server_that_is_killed_in_a_pause(machine: Machine, livekit_server: Server) -> None:
    async with publish(livekit_server, "goes on") as publisher:
        async with machine.serving() as server:
            id = await server.start("goes on")
            await server.until_recorded(id, 2)
            await paused(server, "goes on")
            await server.end(signal.SIGKILL)
        async with machine.serving(server.port) as second:
            row = await second.recording(id)
            assert row["state"] == "paused"
            resumed_at = publisher.sent
            answer = await second.post("/api/recording/resume", mint_id="goes on")
            assert (answer["paused"], answer["recording_state"]) == (False, "recording")
            await second.until_recorded(id, row["duration_seconds"] + 2)
            await second.post("/api/recording/stop", mint_id="goes on")
            row = await second.recording(id)
            await second.end(signal.SIGTERM)
    assert (row["state"], row["error"], len(row["segments"])) == ("completed", None, 1)
    reading = read(Path(row["output_path"]))
    assert reading.audio_gaps == 0, "one worker recorded it from the beginning to the end"
    numbers = sorted(set(reading.numbers))
    before, after = max(pairwise(numbers), key=lambda pair: pair[1] - pair[0])
    assert before < resumed_at - FPS, "it was paused over the server's death"
    assert after <= resumed_at + FPS // 2
    await machine.until_nothing_is_left()


async def test_each_way_to_ask_for_it(machine: Machine, livekit_server: Server) -> None:
    async with publish(livekit_server, "asked"), machine.serving() as server:
        id = await server.start("asked")
        await server.until_recorded(id, 1)
        first = await paused(server, "asked")
        again = await paused(server, "asked")
        assert again["paused_since"] == first["paused_since"], "the same pause"
        other = await server.ask("/api/recording/pause", mint_id="asked", still=True)
        assert (other.status_code, other.json()["code"]) == (409, "pause_conflict")
        for _ in range(2):
            answer = await server.post("/api/recording/resume", mint_id="asked")
            assert (answer["paused"], answer["recording_state"]) == (False, "recording")
        assert (await machine.run("pause", "asked", "--still"))[0] == 0
        status = await server.get("/api/recording/status/asked")
        assert (status["paused"], status["pause_mode"]) == (True, "still")
        assert (await machine.run("resume", "asked"))[0] == 0
        assert not (await server.get("/api/recording/status/asked"))["paused"]
        for what in ("pause", "resume"):
            nobody = await server.ask(f"/api/recording/{what}", mint_id="nobody")
            assert (nobody.status_code, nobody.json()["code"]) == (404, "nothing_to_pause")
        await server.post("/api/recording/stop", mint_id="asked")
        events = (await server.get(f"/api/recordings/{id}/events"))["events"]
        await server.end(signal.SIGTERM)
    said = [event["kind"] for event in events if event["kind"] in ("paused", "resumed")]
    assert sorted(said) == ["paused", "paused", "resumed", "resumed"]
    await machine.until_nothing_is_left()


async def test_the_key_of_the_command(machine: Machine, livekit_server: Server) -> None:
    arguments = ("-m", "orchestrator", "record", "key", "--format", "mp4", "--output")
    async with publish(livekit_server, "key"):
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(machine.folder)
            path = str(machine.folder / "film.mp4")
            os.execve(sys.executable, [sys.executable, *arguments, path], machine.environment())
        try:
            await _until_shown(terminal, b"recording 0:02")
            os.write(terminal, b"p")
            await _until_shown(terminal, b"Paused;")
            os.write(terminal, b"p")
            await _until_shown(terminal, b"Resumed.")
            await _until_shown(terminal, b"recording 0:04")
            os.write(terminal, b"\x03")
            await _until_shown(terminal, b"duration")
            ended = await asyncio.to_thread(os.waitpid, child, 0)
            assert os.waitstatus_to_exitcode(ended[1]) == 0
        except BaseException:
            os.kill(child, signal.SIGKILL)
            raise
        finally:
            os.close(terminal)
    (film,) = machine.folder.glob("film*.mp4")
    assert len(chapters(str(film))) == 2
    assert left_out(read(film)) > 0


async def _until_shown(terminal: int, what: bytes) -> None:
    shown = b""
    async with asyncio.timeout(60):
        while what not in shown:
            shown += await asyncio.to_thread(os.read, terminal, 4096)
