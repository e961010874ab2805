"""A server that is stopped, killed or doubled while recordings run: real processes throughout."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import httpx
import pytest

from orchestrator.api.server import listening
from tests.kit.livekit.crowd import conference
from tests.kit.livekit.server import Server
from tests.kit.recordings.machine import Machine
from tests.kit.recordings.waits import eventually
from tests.kit.signals.reading import read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]


@pytest.fixture
def machine(tmp_path: Path, livekit_server: Server) -> Machine:
    """A machine whose servers know the test's LiveKit."""
    return Machine(tmp_path, livekit_server)


def port_is_free(port: int) -> bool:
    from orchestrator.errors import SettingsError

    try:
        with listening("127.0.0.1", port):
            return True
    except SettingsError:
        return False


async def test_sigterm_finishes_the_recordings_and_frees_the_port_at_once(
    machine: Machine, livekit_server: Server
) -> None:
    async with conference(livekit_server, "sigterm"), machine.serving() as server:
        id = await server.start("sigterm")
        await server.until_recorded(id, 2)
        server.process.send_signal(signal.SIGTERM)
        asked_at = time.monotonic()
        await eventually(lambda: port_is_free(server.port), machine.log, within_s=3)
        print(f"port free after {time.monotonic() - asked_at:.2f} s")
        # The next server is there while the first still finishes, or has just done so.
        async with machine.serving(server.port) as second:
            row = await second.until_ended(id)
            await server.until_gone()
            assert (row["state"], row["error"]) == ("completed", None)
            assert server.process.returncode == 0
            await second.end(signal.SIGTERM)
    assert len(read(Path(row["output_path"])).codes) >= 30
    await machine.until_nothing_is_left()


async def test_servers_come_and_go_while_it_records(
    machine: Machine, livekit_server: Server
) -> None:
    """The first is set to leave it running, the second is killed; the third one stops it."""
    machine.settings["LEAVE_RECORDINGS_RUNNING"] = "true"
    async with conference(livekit_server, "goes on"):
        async with machine.serving() as server:
            id = await server.start("goes on")
            await server.until_recorded(id, 1)
            await server.end(signal.SIGTERM)
            assert port_is_free(server.port)
        async with machine.serving(server.port) as second:
            row = await second.recording(id)
            assert row["state"] == "recording"
            await second.until_recorded(id, row["duration_seconds"] + 1)
            await second.end(signal.SIGKILL)
        async with machine.serving() as third:
            active = (await third.get("/api/recording/active"))["recordings"]
            assert active["goes on"]["id"] == id
            before = (await third.recording(id))["duration_seconds"]
            await third.until_recorded(id, before + 1)
            stopped = await third.post("/api/recording/stop", mint_id="goes on")
            row = await third.recording(id)
            await third.end(signal.SIGTERM)
    assert stopped["success"]
    assert (row["state"], row["error"], len(row["segments"])) == ("completed", None, 1)
    reading = read(Path(row["output_path"]))
    assert reading.in_order
    assert reading.audio_gaps == 0, "one worker recorded it from the beginning to the end"
    await machine.until_nothing_is_left()


@pytest.mark.all_only
async def test_a_second_server_is_refused_and_a_recorder_beside_it_is_not(
    machine: Machine, livekit_server: Server
) -> None:
    async with machine.serving() as server:
        with pytest.raises(AssertionError) as refused:
            async with machine.serving():
                pass
        assert f"Another server (pid {server.process.pid}) uses the catalog" in str(refused.value)
        assert "Traceback" not in machine.log()
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.get("/api/recording/active")).status_code == 200
        await server.end(signal.SIGKILL)
    async with machine.serving() as third:  # a crash frees the lock
        await third.end(signal.SIGTERM)
    await machine.until_nothing_is_left()


@pytest.mark.all_only
async def test_record_works_beside_a_server_and_leaves_its_recordings_alone(
    machine: Machine, livekit_server: Server
) -> None:
    async with (
        conference(livekit_server, "server's"),
        conference(livekit_server, "mine"),
        machine.serving() as server,
    ):
        id = await server.start("server's")
        code, errors = await machine.run(
            "record", "mine", "--format", "mp4", "--quality", "low", "--duration", "2"
        )
        assert code == 0, errors
        row = await server.recording(id)
        assert (row["state"], row["wanted"]) == ("recording", "record")
        newest = (await server.get("/api/recordings"))["recordings"][0]
        assert (newest["mint_id"], newest["state"]) == ("mine", "completed")
        await server.end(signal.SIGTERM)
    await machine.until_nothing_is_left()


@pytest.mark.all_only
async def test_without_a_server_record_finishes_what_a_crash_left(
    machine: Machine, livekit_server: Server
) -> None:
    async with conference(livekit_server, "crashed"), conference(livekit_server, "next"):
        async with machine.serving() as server:
            id = await server.start("crashed")
            await server.until_recorded(id, 2)
            await machine.until_written()
            machine.switch_off()
        code, errors = await machine.run("record", "next", "--format", "mp4", "--duration", "2")
        assert code == 0, errors
        async with machine.serving() as later:
            row = await later.until_ended(id)
            await later.end(signal.SIGTERM)
    assert (row["state"], row["recovered"]) == ("completed", True)
    await machine.until_nothing_is_left()
