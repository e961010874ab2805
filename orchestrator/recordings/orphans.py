"""ffmpegs that outlive their worker: each finishes its file at the end of its input, or is ended.

They are known by their work folder, which stands in their arguments: that survives pids that are
used again, and needs nothing written down before a crash. Of other users nothing is touched.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Final

import psutil
import structlog

from orchestrator.catalog.models import Recording

log = structlog.get_logger(__name__)

STILL_S: Final = 5.0
"""Without any CPU time used for so long it will not finish by itself."""

MOST_S: Final = 120.0
"""Longest wait for one that works; a slow encoder flushes for half a minute."""

_LOOK_S: Final = 0.1


async def wait_until_ended(recording: Recording) -> None:
    """Until no ffmpeg of an earlier worker writes: patient while it works, then SIGKILL."""
    if recording.worker_starts <= 1:
        return
    for process in await asyncio.to_thread(writing_into, Path(recording.work_directory)):
        log.info("an ffmpeg of before is waited for", pid=process.pid)
        if not await _ended_by_itself(process):
            log.warning("an ffmpeg of before is killed", pid=process.pid)
            await asyncio.to_thread(_kill, process)


def kill_all(work_directory: Path) -> None:
    """Ends them at once: what they have written is all there will be. Blocking, for a moment."""
    for process in writing_into(work_directory):
        _kill(process)


def writing_into(work_directory: Path) -> list[psutil.Process]:
    """Our processes that have a file of this folder among their arguments. Blocking."""
    inside = f"{work_directory}{os.sep}"
    return [p for p in psutil.process_iter() if p.pid != os.getpid() and _names(p, inside)]


def _names(process: psutil.Process, inside: str) -> bool:
    try:
        if process.uids().real != os.getuid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return any(word.startswith(inside) for word in process.cmdline())
    except psutil.Error:
        return False


async def _ended_by_itself(process: psutil.Process) -> bool:
    began = worked = time.monotonic()
    used_s = None
    while (now_s := _cpu_s(process)) is not None:
        if now_s != used_s:
            used_s, worked = now_s, time.monotonic()
        now = time.monotonic()
        if now - worked > STILL_S or now - began > MOST_S:
            return False
        await asyncio.sleep(_LOOK_S)
    return True


def _cpu_s(process: psutil.Process) -> float | None:
    """CPU time used so far; None when it has ended."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        times = process.cpu_times()
    except psutil.Error:
        return None
    return float(times.user + times.system)


def _kill(process: psutil.Process) -> None:
    try:
        process.send_signal(signal.SIGKILL)
        process.wait(STILL_S)
    except psutil.Error as error:
        log.info("it ended, or can't be ended", pid=process.pid, error=str(error))
