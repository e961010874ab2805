"""`encode` in /start: the recording is encoded again when it has ended, however that was."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from orchestrator.mediafiles.probe import probe
from orchestrator.monitor.machine import cores_allowed
from tests.kit.queued import until_state
from tests.kit.recordings.machine import Machine, ServerProcess

pytestmark = pytest.mark.real_time

ENCODE = {"pipeline": "mp4", "quality": "low", "replace": True}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """It records the demo stream."""
    return Machine(tmp_path)


async def start(server: ServerProcess) -> str:
    """A recording that is to be encoded again; its id."""
    body: dict[str, Any] = {"mint_id": "demo", "output_format": "mp4", "encode": ENCODE}
    started = await server.post("/api/recording/start", **body)
    return str(started["id"])


async def the_encode(server: ServerProcess, recording_id: str) -> dict[str, Any]:
    """The only one of this recording, once it has ended."""
    path = f"/api/encodes?recording_id={recording_id}"
    async with asyncio.timeout(60):
        while not (listed := await server.get(path))["total"]:
            await asyncio.sleep(0.05)
    (row,) = listed["encodes"]
    return await until_state(server, row["id"], "completed", "failed")


async def is_replaced(server: ServerProcess, id: str, done: dict[str, Any]) -> None:
    """The new file is the recording's, as long as the one before."""
    assert done["state"] == "completed", done
    (file,) = done["files"]
    row = await server.recording(id)
    assert row["output_path"] == file["output"] == row["files"][0]["path"]
    assert not Path(file["source"]).exists()
    found = await asyncio.to_thread(probe, Path(file["output"]))
    assert found.playable
    assert found.duration_s == pytest.approx(row["duration_seconds"], abs=0.2)
    answer = await server.client.get(f"/api/recordings/{id}/file")
    assert len(answer.content) == file["output_bytes"] == row["file_size_bytes"]


async def test_after_a_stop(machine: Machine) -> None:
    async with machine.serving() as server:
        bad = {"mint_id": "demo", "encode": {"pipeline": "nobody"}}
        refused = await server.ask("/api/recording/start", **bad)
        assert refused.status_code == 422
        assert (await server.get("/api/recordings"))["total"] == 0
        id = await start(server)
        await server.until_recorded(id, 2)
        assert (await server.get("/api/encodes"))["total"] == 0
        await server.post("/api/recording/stop", mint_id="demo")
        await is_replaced(server, id, await the_encode(server, id))
        events = (await server.recording(id))["events"]
        assert [e["kind"] for e in events].count("encode") == 1
        await server.end(signal.SIGTERM)
    await machine.until_nothing_is_left()


@pytest.mark.all_only
async def test_after_a_power_cut_once_only(machine: Machine) -> None:
    async with machine.serving() as server:
        id = await start(server)
        await machine.until_written()
        await server.until_recorded(id, 3)
        machine.switch_off()
        await server.until_gone()
    async with machine.serving() as server:
        done = await the_encode(server, id)
        await is_replaced(server, id, done)
    async with machine.serving() as server:
        assert (await server.get("/api/encodes"))["total"] == 1
        await server.get("/livez")


@pytest.mark.all_only
async def test_what_there_was_no_capacity_to_encode_becomes_what_was_asked_for(
    machine: Machine,
) -> None:
    """A quarter of a core is enough to copy, and not to encode."""
    cores = await asyncio.to_thread(cores_allowed)
    machine.settings |= {"CPU_LIMIT": str(0.25 / cores), "WHEN_FULL": "copy"}
    async with machine.serving() as server:
        started = await server.post("/api/recording/start", mint_id="demo", output_format="mp4")
        id, asked = str(started["id"]), Path(started["output_path"]).with_suffix(".mp4")
        assert started["config"]["pipeline"] == "copy"
        (note,) = started["notes"]
        assert "encoded with mp4 when it has ended" in note
        await server.until_recorded(id, 2)
        stopped = await server.post("/api/recording/stop", mint_id="demo")
        assert Path(stopped["final_path"]).suffix == ".mkv"
        await is_replaced(server, id, await the_encode(server, id))
        row = await server.recording(id)
        assert (row["output_path"], row["instead_of"]) == (str(asked), "mp4")
        assert [e["message"] for e in row["events"] if e["kind"] == "copied"] == [note]
        found = await asyncio.to_thread(probe, asked)
        assert found.video is not None
        assert found.video.codec == "h264"
        assert (row["video_codec"], row["tracks"]) == ("libx264", None), "as of any that is encoded"
        await server.end(signal.SIGTERM)
    await machine.until_nothing_is_left()
