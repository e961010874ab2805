"""Orphaned ffmpegs, which outlive their worker: each finishes its file by itself, or is killed.

They are recognised by the work folder in their arguments: that needs nothing written down before a
crash, and isn't confused by reused pids. Processes of other users are left alone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psutil
import structlog

from orchestrator.encoding.process.activity import Activity
from orchestrator.stop_policy import STOP

log = structlog.get_logger(__name__)

STILL_S: Final = 5.0
"""One that has used no CPU time for this long won't finish by itself."""

MOST_S: Final = STOP.ffmpeg_s
"""Longest wait for one that is working: what an ffmpeg whose worker lives is given at a stop."""

_LOOK_S: Final = 0.1


async def wait_until_ended(orphaned: Sequence[psutil.Process]) -> None:
    """Returns when none of them runs: waits while it works, else SIGKILL."""
    await asyncio.gather(*map(_end, orphaned))


async def _end(process: psutil.Process) -> None:
    log.info("waiting for an orphaned ffmpeg", pid=process.pid)
    if not await _ended_by_itself(process):
        log.warning("killing an orphaned ffmpeg", pid=process.pid)
        await asyncio.to_thread(_kill, process)


def kill_all(work_directory: Path) -> None:
    """Kills them at once; what they have written is kept. Blocking, for a moment."""
    for process in writing_into(work_directory):
        _kill(process)


def writing_into(work_directory: Path) -> list[psutil.Process]:
    """Our processes with a file of this folder among their arguments. Blocking."""
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
    began = time.monotonic()
    activity = Activity(began, _cpu_s(process))
    while (cpu_s := _cpu_s(process)) is not None:
        now = time.monotonic()
        if activity.idle_s(now, cpu_s) > STILL_S or now - began > MOST_S:
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
        log.info("orphaned ffmpeg has ended, or can't be killed", pid=process.pid, error=str(error))
