"""/api/processes: every process of the recorder with what it uses and does, and its log."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi import Path as InPath

from orchestrator.api.dependencies import ObserverHere
from orchestrator.api.figures import text
from orchestrator.api.responses import failures
from orchestrator.api.schemas.monitoring import Process, Processes, ProcessLog
from orchestrator.catalog.models import Recording
from orchestrator.errors import NotFound
from orchestrator.logs import without_secrets

router = APIRouter(prefix="/api/processes", tags=["monitoring"])

READ_BYTES: Final = 64 * 1024
"""Read from the end of a log at the most."""


class ProcessNotFound(NotFound):
    """The pid is none of a worker or an ffmpeg that runs now."""

    code = "process_not_found"

    def __init__(self, pid: int) -> None:
        super().__init__(
            f"No worker or ffmpeg of a running recording has the pid {pid}",
            "GET /api/processes lists them. Logs of failed recordings stay in their work folder.",
        )


@router.get("", responses=failures(), summary="List Processes")
async def processes(
    observer: ObserverHere,
    recording_id: Annotated[
        str | None, Query(max_length=64, description="Only those of this recording.")
    ] = None,
) -> Processes:
    """The server, and the worker and ffmpeg of each recording that runs; looked at once a second.

    A running recording's `id` as `recording_id` gives its own two alone.
    """
    found = (await observer.latest()).processes
    if recording_id is not None:
        found = [p for p in found if p.recording_id == recording_id]
    return Processes(processes=found, count=len(found))


@router.get("/{pid}/log", responses=failures(ProcessNotFound(4312)), summary="Get Process Log")
async def process_log(
    pid: Annotated[int, InPath(ge=1, le=2**31)],
    observer: ObserverHere,
    lines: Annotated[int, Query(ge=1, le=1000, description="Lines at the most.")] = 100,
) -> ProcessLog:
    """The last lines of a worker's or an ffmpeg's log (of its last 64 KiB), without secrets."""
    snapshot = await observer.latest()
    process = next((p for p in snapshot.processes if p.pid == pid and p.recording_id), None)
    if process is None:
        raise ProcessNotFound(pid)
    recording = next(r for r in snapshot.recordings if r.id == process.recording_id)
    told = await asyncio.to_thread(last_lines, _path(recording, process), lines)
    return ProcessLog(pid=pid, role=process.role, recording_id=recording.id, lines=told)


def _path(recording: Recording, process: Process) -> Path | None:
    name = "worker.log" if process.role == "worker" else text(recording.figures, "encoder", "log")
    return None if name is None else Path(recording.work_directory) / name


def last_lines(path: Path | None, count: int) -> list[str]:
    """The end of the file without secrets; nothing while there is no file. Blocking."""
    if path is None:
        return []
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(size - READ_BYTES, 0)
            file.seek(start)
            data = file.read(READ_BYTES)
    except FileNotFoundError:
        return []
    told = data.decode("utf-8", "replace").splitlines()
    # Read from the middle of a line: half a token would not be known for one.
    return [without_secrets(line) for line in told[1 if start else 0 :][-count:]]
