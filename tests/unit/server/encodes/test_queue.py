"""The queue of encodes with a real server, real processes and real ffmpegs, which are killed."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.kit.mediafiles.numbered import shown
from tests.kit.queued import (
    ID,
    SECONDS,
    SLOW,
    encode_processes,
    kill,
    left,
    put_recording,
    queue,
    until_chunks,
    until_encoding,
    until_state,
)
from tests.kit.recordings.disk import mounted
from tests.kit.recordings.machine import Machine
from tests.kit.recordings.waits import eventually

# Encodes get what CPU others leave: nothing may run beside them.
pytestmark = [pytest.mark.real_time, pytest.mark.timeout(240)]

NUMBERS = list(range(SECONDS * 30))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def numbers(path: Path) -> list[int | None]:
    return [number for _, number in shown(path)]


async def test_an_encode_makes_a_file_beside_the_recordings(machine: Machine) -> None:
    source = await put_recording(machine)
    before = source.read_bytes()
    async with machine.serving() as server:
        asked = await queue(server, pipeline="mp4", quality="low")
        assert (asked["state"], asked["recording_id"]) == ("queued", ID)
        done = await until_state(server, asked["id"], "completed", "failed")
        assert done["state"] == "completed", done
        (file,) = done["files"]
        output = Path(file["output"])
        assert output == source.with_name(f"{ID}_mp4.mp4")
        assert numbers(output) == NUMBERS
        assert source.read_bytes() == before
        assert (file["replaced"], file["audio"]) == (False, ["aac copied"])
        await eventually(lambda: not left(machine), lambda: left(machine), within_s=20)


async def test_the_process_is_killed_and_goes_on(machine: Machine) -> None:
    source = await put_recording(machine)
    async with machine.serving() as server:
        asked = await queue(server, **SLOW)
        await until_chunks(machine.out, 1)
        (process,) = encode_processes(machine)
        assert process.nice() == 19
        kill(process)
        again = await until_state(server, asked["id"], "paused", "completed")
        assert again["state"] in ("paused", "running", "completed")
        done = await until_state(server, asked["id"], "completed", "failed")
        assert done["state"] == "completed", done
        assert numbers(Path(done["files"][0]["output"])) == NUMBERS
        await eventually(lambda: not left(machine), lambda: left(machine), within_s=20)
    assert source.exists()


@pytest.mark.all_only
async def test_a_process_that_keeps_dying_is_given_up(machine: Machine) -> None:
    source = await put_recording(machine)
    before = source.read_bytes()
    async with machine.serving() as server:
        asked = await queue(server, **SLOW)
        async with asyncio.timeout(120):
            while (row := await server.get(f"/api/encodes/{asked['id']}"))["state"] != "failed":
                for process in encode_processes(machine):
                    kill(process)
                await asyncio.sleep(0.1)
        assert row["error_code"] == "worker_failed"
        assert "died 4 times" in row["error"]
        assert row["detail"]
        assert (await server.recording(ID))["events"][-1]["message"] == (
            f"Not encoded again with {SLOW['pipeline']}: {row['error']}"
        )
        await eventually(lambda: not left(machine), lambda: left(machine), within_s=20)
    assert source.read_bytes() == before
    assert [path.name for path in machine.out.iterdir()] == [source.name]


@pytest.mark.all_only
async def test_a_killed_server_neither_loses_nor_doubles_it(machine: Machine) -> None:
    await put_recording(machine)
    async with machine.serving() as server:
        asked = await queue(server, **SLOW)
        await eventually(
            lambda: len(encode_processes(machine)) == 1, lambda: left(machine), within_s=30
        )
        (process,) = encode_processes(machine)
        await server.end(signal.SIGKILL)
    assert process.is_running()
    async with machine.serving() as server:
        found = await server.get(f"/api/encodes/{asked['id']}")
        assert found["state"] in ("running", "completed")
        while (await server.get(f"/api/encodes/{asked['id']}"))["state"] == "running":
            assert len(encode_processes(machine)) <= 1
            await asyncio.sleep(0.05)
        done = await until_state(server, asked["id"], "completed", "failed")
        assert done["state"] == "completed", done
        assert numbers(Path(done["files"][0]["output"])) == NUMBERS


@pytest.mark.all_only
async def test_everything_is_switched_off(machine: Machine) -> None:
    await put_recording(machine)
    async with machine.serving() as server:
        asked = await queue(server, **SLOW, replace=True)
        await until_chunks(machine.out, 1)
        machine.switch_off()
        await server.until_gone()
    assert encode_processes(machine) == []
    async with machine.serving() as server:
        done = await until_state(server, asked["id"], "completed", "failed")
        assert done["state"] == "completed", done
        output = Path(done["files"][0]["output"])
        assert numbers(output) == NUMBERS
        assert [path.name for path in machine.out.iterdir()] == [output.name]
        row = await server.recording(ID)
        assert (row["output_path"], row["file_size_bytes"]) == (str(output), output.stat().st_size)


@pytest.mark.all_only
async def test_a_server_that_ends_leaves_it_to_the_next(machine: Machine) -> None:
    await put_recording(machine)
    async with machine.serving() as server:
        asked = await queue(server, **SLOW)
        await until_encoding(server, asked["id"])
        await server.end(signal.SIGTERM)
    assert encode_processes(machine) == []
    machine.settings["ENCODE_QUEUE"] = "paused"
    async with machine.serving() as server:
        listed = await server.get("/api/encodes")
        assert listed["paused"] == "setting"
        (row,) = listed["encodes"]
        assert (row["id"], row["state"]) == (asked["id"], "paused")
    machine.settings["ENCODE_QUEUE"] = "running"
    async with machine.serving() as server:
        done = await until_state(server, asked["id"], "completed", "failed")
        assert done["state"] == "completed", done


@pytest.mark.all_only
async def test_paused_by_request_until_it_is_resumed_also_by_the_next_server(
    machine: Machine,
) -> None:
    await put_recording(machine, seconds=2 * SECONDS)
    async with machine.serving() as server:
        asked = await queue(server, **SLOW)
        await until_chunks(machine.out, 1)
        paused = await server.client.put("/api/encodes/queue", json={"paused": True})
        assert paused.json()["paused"] == "request"
        row = await until_state(server, asked["id"], "paused", "completed")
        assert row["state"] == "paused", row
        await eventually(lambda: not encode_processes(machine), lambda: left(machine), within_s=20)
        await server.end(signal.SIGTERM)
    async with machine.serving() as server:
        assert (await server.get("/api/encodes"))["paused"] == "request"
        assert (await server.get(f"/api/encodes/{asked['id']}"))["state"] == "paused"
        assert encode_processes(machine) == []
        # Another program writes it into the catalog.
        assert await machine.run("encodes", "resume") == (0, "")
        done = await until_state(server, asked["id"], "completed", "failed")
        assert done["state"] == "completed", done
        output = Path(done["files"][0]["output"])
        assert numbers(output) == list(range(2 * len(NUMBERS)))


@pytest.mark.all_only
async def test_a_disk_that_is_full_fails_it_and_costs_nothing(machine: Machine) -> None:
    with mounted(machine.out, 8) as disk:
        if disk is None:
            pytest.skip("a disk can't be mounted here")
        source = await put_recording(machine)
        before = source.read_bytes()
        async with machine.serving() as server:
            asked = await queue(server, **SLOW, crf=1)
            await until_encoding(server, asked["id"])
            disk.fill(8192)
            failed = await until_state(server, asked["id"], "completed", "failed")
            assert (failed["state"], failed["error_code"]) == ("failed", "not_enough_disk"), failed
            assert "Free some space" in failed["detail"]
            assert source.read_bytes() == before
            disk.make_room()
            await eventually(lambda: not left(machine), lambda: left(machine), within_s=20)
            assert [path.name for path in machine.out.iterdir()] == [source.name]
            again = await queue(server, pipeline="mp4", quality="low")
            done = await until_state(server, again["id"], "completed", "failed")
            assert done["state"] == "completed", done


async def test_cancelled_while_it_runs(machine: Machine) -> None:
    source = await put_recording(machine)
    before = source.read_bytes()
    async with machine.serving() as server:
        asked = await queue(server, **SLOW, replace=True)
        await until_encoding(server, asked["id"])
        answer = await server.client.delete(f"/api/encodes/{asked['id']}")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        assert [e["kind"] for e in (await server.recording(ID))["events"]] == ["encoded"]
        await eventually(lambda: not left(machine), lambda: left(machine), within_s=20)
        assert source.read_bytes() == before
        assert [path.name for path in machine.out.iterdir()] == [source.name]
        again = await server.client.delete(f"/api/encodes/{asked['id']}")
        assert again.json()["state"] == "cancelled"
        unknown = await server.client.delete("/api/encodes/nothing")
        assert unknown.status_code == 404


@pytest.mark.all_only
async def test_cancelled_while_the_queue_is_paused(machine: Machine) -> None:
    """A process is started only to clean up, and isn't told to stop before it can listen."""
    source = await put_recording(machine)
    async with machine.serving() as server:
        asked = await queue(server, **SLOW)
        await until_encoding(server, asked["id"])
        await server.end(signal.SIGTERM)
    machine.settings["ENCODE_QUEUE"] = "paused"
    async with machine.serving() as server:
        assert (await server.get(f"/api/encodes/{asked['id']}"))["state"] == "paused"
        answer = await server.client.delete(f"/api/encodes/{asked['id']}")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        assert [path.name for path in machine.out.iterdir()] == [source.name]
        await eventually(lambda: not left(machine), lambda: left(machine), within_s=20)


async def test_a_recording_that_is_encoded_is_not_deleted(machine: Machine) -> None:
    source = await put_recording(machine)
    async with machine.serving() as server:
        asked = await queue(server, **SLOW)
        refused = await server.client.delete(f"/api/recordings/{ID}")
        assert refused.status_code == 409
        assert f"/api/encodes/{asked['id']}" in refused.json()["detail"]
        twice = await server.ask(f"/api/recordings/{ID}/encode")
        assert (twice.status_code, twice.json()["code"]) == (409, "already_encoding")
        done = await until_state(server, asked["id"], "completed", "failed")
        assert done["state"] == "completed", done
        assert (await server.client.delete(f"/api/recordings/{ID}")).status_code == 200
        assert not source.exists()
        assert list(machine.out.iterdir()) == []
        assert (await server.get("/api/encodes"))["total"] == 0
