"""A server with one finished recording, to be encoded again, and all that can end on the way."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any, Final

import psutil

from orchestrator.catalog.models import File
from orchestrator.catalog.store import Catalog
from tests.kit.catalog.rows import NOON, recording
from tests.kit.mediafiles.numbered import NumberedFilm, even_times
from tests.kit.recordings.machine import Machine, ServerProcess

ID: Final = "r1"
SECONDS: Final = 15
"""Two chunks at least (transcoding.chunks)."""
SLOW: Final = {"pipeline": "av1"}
"""A later profile that takes some seconds for this film."""


async def put_recording(
    machine: Machine, *, seconds: float = SECONDS, id: str = ID, **columns: Any
) -> Path:
    """A completed recording with a real file."""
    path = machine.out / f"{id}.mp4"
    await asyncio.to_thread(NumberedFilm(path, even_times(seconds)).write)
    await put_row(machine, path, seconds=seconds, id=id, **columns)
    return path


async def put_row(machine: Machine, path: Path, *, seconds: float, id: str, **columns: Any) -> None:
    """The same, of a file that is there already."""
    catalog = Catalog(machine.settings["DATABASE_URL"])
    await catalog.open(migrate=True)
    size = path.stat().st_size
    ended: dict[str, Any] = {"state": "completed", "ended_at": NOON, "pipeline": "mp4"}
    ended |= {"size_bytes": size, "duration_s": seconds}
    where = {"output_path": str(path), "work_directory": str(path.with_name(f".{path.name}.haven"))}
    await catalog.create(recording(id, **(ended | where | columns)))
    file = {"recording_id": id, "number": 1, "path": str(path), "offset_s": 0.0}
    await catalog.put_file(File(**file, duration_s=seconds, size_bytes=size, made_at=NOON))
    await catalog.close()


async def queue(server: ServerProcess, id: str = ID, **body: Any) -> dict[str, Any]:
    """The answer to a request that is accepted."""
    answer = await server.ask(f"/api/recordings/{id}/encode", **body)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def until_state(server: ServerProcess, id: str, *states: str) -> dict[str, Any]:
    """The encode once it is in one of these states."""
    async with asyncio.timeout(100):
        while (row := await server.get(f"/api/encodes/{id}"))["state"] not in states:
            await asyncio.sleep(0.05)
    return row


async def until_encoding(server: ServerProcess, id: str) -> None:
    """Until its first frames are encoded, as its row says."""
    async with asyncio.timeout(100):
        while True:
            row = await server.get(f"/api/encodes/{id}")
            assert row["state"] in ("queued", "running"), row
            if (progress := row["progress"]) and progress["frames"]:
                return
            await asyncio.sleep(0.02)


async def until_chunks(folder: Path, number: int) -> None:
    """Until so many chunks are finished."""
    async with asyncio.timeout(100):
        while len(list(folder.glob(".*/chunk*.json"))) < number:
            await asyncio.sleep(0.02)


def encode_processes(machine: Machine) -> list[psutil.Process]:
    """The processes of encodes, without their ffmpegs."""
    return [p for p in machine.processes() if "orchestrator.transcoding.process" in _line(p)]


def kill(process: psutil.Process) -> None:
    """At once."""
    os.kill(process.pid, signal.SIGKILL)


def left(machine: Machine) -> list[str]:
    """What an encode may have left: processes, work folders, logs."""
    found = [_line(p) for p in machine.processes() if "serve" not in _line(p)]
    found += [str(path) for path in machine.out.glob(".*")]
    return found + [str(path) for path in machine.temporary.glob("*encode*")]


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
