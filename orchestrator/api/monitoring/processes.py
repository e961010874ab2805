"""/api/processes: the recorder's processes, their resource usage, and their logs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi import Path as InPath

from orchestrator.api.dependencies import ManagerHere, ObserverHere
from orchestrator.api.documented_errors import failures
from orchestrator.api.schemas.monitoring import Process, Processes, ProcessLog
from orchestrator.catalog.models import Recording
from orchestrator.errors import NotFound
from orchestrator.ingest.control import folder_of, log_of
from orchestrator.logs import without_secrets
from orchestrator.recordings.figures import LiveFigures
from orchestrator.recordings.job import INPUT_LOG

router = APIRouter(prefix="/api/processes", tags=["monitoring"])

READ_BYTES: Final = 64 * 1024
"""Bytes read from the end of a log at most."""


class ProcessNotFound(NotFound):
    """No process that writes a log has this pid."""

    code = "process_not_found"

    def __init__(self, pid: int) -> None:
        super().__init__(
            f"No worker, ffmpeg or publisher's process has the pid {pid}",
            "GET /api/processes lists them. Logs of failed recordings are in their work folder.",
        )


@router.get("", responses=failures(), summary="List Processes")
async def processes(
    observer: ObserverHere,
    recording_id: Annotated[
        str | None, Query(max_length=64, description="Only those of this recording.")
    ] = None,
) -> Processes:
    """The server, and the worker and ffmpeg of each running recording; sampled once a second.

    A process that holds a publisher (WHIP) of which nothing is recorded has the role `publisher`.
    A recording of an RTMP, SRT or RTSP stream or of a file has an `input` as well. With the `id` of
    a running recording as `recording_id`, only its own processes.
    """
    running = (await observer.latest()).processes
    if recording_id is not None:
        running = [p for p in running if p.recording_id == recording_id]
    return Processes(processes=running, count=len(running))


@router.get("/{pid}/log", responses=failures(ProcessNotFound(4312)), summary="Get Process Log")
async def process_log(
    pid: Annotated[int, InPath(ge=1, le=2**31)],
    observer: ObserverHere,
    manager: ManagerHere,
    lines: Annotated[int, Query(ge=1, le=1000, description="Maximum number of lines.")] = 100,
) -> ProcessLog:
    """The last lines of its log (from its last 64 KiB), without secrets.

    A worker, an ffmpeg and a process that holds a publisher each have one of their own.
    """
    snapshot = await observer.latest()
    process = next((p for p in snapshot.processes if p.pid == pid and p.log_url), None)
    if process is None:
        raise ProcessNotFound(pid)
    of, database_url = process.recording_id, manager.settings.database_url
    recording = next((r for r in snapshot.recordings if r.id == of), None)
    log_lines = await asyncio.to_thread(_log_lines, process, recording, database_url, lines)
    return ProcessLog(pid=pid, role=process.role, recording_id=of, lines=log_lines)


def _log_lines(
    process: Process, recording: Recording | None, database_url: str, count: int
) -> list[str]:
    if recording is not None:
        return last_lines(_path(recording, process), count)
    assert process.mint_id is not None, "a publisher has a stream"
    return last_lines(log_of(folder_of(database_url), process.mint_id), count)


def _path(recording: Recording, process: Process) -> Path | None:
    own = {"worker": "worker.log", "input": INPUT_LOG}.get(process.role)
    name = own or LiveFigures.of(recording).encoder.log
    return None if name is None else Path(recording.work_directory) / name


def last_lines(path: Path | None, count: int) -> list[str]:
    """The last lines of a file without secrets; empty if there is no file. Blocking."""
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
    decoded = data.decode("utf-8", "replace").splitlines()
    # Without the first, partial line: half a token would not be recognised as one.
    return [without_secrets(line) for line in decoded[1 if start else 0 :][-count:]]
