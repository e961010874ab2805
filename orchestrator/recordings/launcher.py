"""Starts worker processes and tells whether they live. Nothing else spawns workers.

A worker is told what to do by one line of JSON on its standard input: that keeps the LiveKit secret
out of its arguments and environment, and lets a worker that has already imported everything wait.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import psutil

from orchestrator.errors import WorkerFailed
from orchestrator.monitor.usage import created, is_running

_WORKER: Final = (sys.executable, "-m", "orchestrator.recordings.worker")


@dataclass(frozen=True, slots=True)
class WorkerHandle:
    """Names one worker process for good: also after its pid was used again."""

    pid: int
    created: float


class Launcher(Protocol):
    """What the manager needs of whatever runs workers."""

    async def start(self, job: str, log: Path) -> WorkerHandle:
        """Begin a worker with its job (one line of JSON); its log goes to `log`."""

    def wake(self, worker: WorkerHandle) -> None:
        """Make it look into the catalog now."""

    def alive(self, worker: WorkerHandle) -> bool:
        """Whether that very process runs."""

    async def kill(self, worker: WorkerHandle) -> None:
        """End it at once; its ffmpeg finishes its file by itself."""

    async def close(self) -> None:
        """Reap what has ended."""


class LocalLauncher:
    """Workers as child processes on this machine, each in a session of its own.

    Plain `Popen`: asyncio's transports kill their child when the loop ends, and a worker must be
    able to outlive the server.
    """

    def __init__(self) -> None:
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    async def start(self, job: str, log: Path) -> WorkerHandle:
        """Spawn, hand over the job, and close its standard input."""
        child = await asyncio.to_thread(_spawn, job, log)
        self._children[child.pid] = child
        if (began := created(child.pid)) is None:
            raise WorkerFailed("The recording's process ended at once.", f"See {log}.")
        return WorkerHandle(child.pid, began)

    def wake(self, worker: WorkerHandle) -> None:
        """SIGUSR1: the worker reads what is wanted of it now, not within a second."""
        if self.alive(worker):
            os.kill(worker.pid, signal.SIGUSR1)

    def alive(self, worker: WorkerHandle) -> bool:
        """Whether that very process runs; a child that has ended is reaped on the way."""
        child = self._children.get(worker.pid)
        if child is not None and child.poll() is not None:
            del self._children[worker.pid]
            return False
        return is_running(worker.pid, worker.created)

    async def kill(self, worker: WorkerHandle) -> None:
        """SIGKILL, and wait until it is gone."""
        if not self.alive(worker):
            return
        os.kill(worker.pid, signal.SIGKILL)
        if (child := self._children.pop(worker.pid, None)) is not None:
            await asyncio.to_thread(child.wait)
        else:
            await asyncio.to_thread(_wait_gone, worker.pid)

    async def close(self) -> None:
        """Reap the children that have ended; the others are the next server's."""
        for pid in [pid for pid, child in self._children.items() if child.poll() is not None]:
            del self._children[pid]


def _spawn(job: str, log: Path) -> subprocess.Popen[bytes]:
    sink = _open_log(log)
    try:
        child = subprocess.Popen(
            _WORKER,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=sink,
            start_new_session=True,
        )
    finally:
        os.close(sink)
    assert child.stdin is not None
    try:
        child.stdin.write(job.encode() + b"\n")
        child.stdin.close()
    except BrokenPipeError:
        return child  # it has ended already; `alive` says so and its log says why
    return child


def _wait_gone(pid: int) -> None:
    try:
        psutil.Process(pid).wait(timeout=5)
    except (psutil.NoSuchProcess, psutil.TimeoutExpired):
        return


def _open_log(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
