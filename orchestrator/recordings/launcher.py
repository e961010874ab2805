"""Starts worker processes and tells whether they live. Nothing else spawns workers.

A worker is told what to do by one line of JSON on its standard input: that keeps secrets out of its
arguments and environment, and lets a worker that has already imported everything wait.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import psutil
import structlog

from orchestrator.errors import WorkerFailed
from orchestrator.monitor.usage import boot_id, created, is_running
from orchestrator.settings import PREFIX

log = structlog.get_logger(__name__)

_END_TIMEOUT_S: Final = 10.0
_LOOK_S: Final = 0.02
_WORKER: Final = (sys.executable, "-m", "orchestrator.recordings.worker")


@dataclass(frozen=True, slots=True)
class WorkerHandle:
    """Names one worker process for good: also after its pid was used again, or after a boot."""

    pid: int
    created: float
    boot: str


class Launcher(Protocol):
    """What the manager needs of whatever runs workers."""

    async def start(self, job: str, log: Path) -> WorkerHandle:
        """Begin a worker with its job (one line of JSON); its log goes to `log`."""

    def wake(self, worker: WorkerHandle) -> None:
        """Make it look into the catalog now."""

    def alive(self, worker: WorkerHandle) -> bool:
        """Whether that very process runs."""

    def reap(self) -> None:
        """Let go of those that have ended."""

    async def kill(self, worker: WorkerHandle) -> None:
        """End it at once; its ffmpeg finishes its file by itself."""

    async def close(self, *, leave: bool) -> None:
        """Done with them; `leave` those that run to the next server."""


class LocalLauncher:
    """Workers as child processes on this machine, each in a session of its own.

    `posix_spawn`, since neither asyncio's transports (which kill their child when the loop ends)
    nor `Popen` (which warns of it) let a worker outlive the server.
    """

    def __init__(self) -> None:
        self._children: set[int] = set()

    async def start(self, job: str, log: Path) -> WorkerHandle:
        """Spawn, hand over the job, and close its standard input."""
        pid = await asyncio.to_thread(self._spawn, job, log)
        if (began := created(pid)) is None:
            raise WorkerFailed("The recording's process ended at once.", f"See {log}.")
        return WorkerHandle(pid, began, boot_id())

    def _spawn(self, job: str, log: Path) -> int:
        # Noted here, in the thread, which goes on when the caller is cancelled.
        pid = _spawn(job, log)
        self._children.add(pid)
        return pid

    def wake(self, worker: WorkerHandle) -> None:
        """SIGUSR1: the worker reads what is wanted of it now, not within a second."""
        if self.alive(worker):
            os.kill(worker.pid, signal.SIGUSR1)

    def alive(self, worker: WorkerHandle) -> bool:
        """Whether that very process runs; a child that has ended is reaped on the way."""
        if self._reaped(worker.pid) or worker.boot != boot_id():
            return False
        return is_running(worker.pid, worker.created)

    def reap(self) -> None:
        """Take note of all that have ended, so that none stays a zombie."""
        for pid in list(self._children):
            self._reaped(pid)

    async def kill(self, worker: WorkerHandle) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.alive(worker):
            os.kill(worker.pid, signal.SIGKILL)
            await self._wait_gone([worker.pid])

    async def close(self, *, leave: bool) -> None:
        """Wait for the children, which are about to end; or leave them to the next server."""
        if not leave:
            await self._wait_gone(list(self._children))

    async def _wait_gone(self, pids: list[int]) -> None:
        try:
            async with asyncio.timeout(_END_TIMEOUT_S):
                while any(map(self._is_there, pids)):  # noqa: ASYNC110 - it ends without an event
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            log.warning("workers have not ended in time", pids=pids)

    def _is_there(self, pid: int) -> bool:
        return not self._reaped(pid) and psutil.pid_exists(pid)

    def _reaped(self, pid: int) -> bool:
        """Whether it was a child of ours and has ended."""
        if pid not in self._children:
            return False
        try:
            ended, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            ended = pid
        if ended:
            self._children.discard(pid)
        return bool(ended)


def _spawn(job: str, log_path: Path) -> int:
    """Start a worker and give it its job; its pid."""
    reading, writing = os.pipe()
    try:
        sink = _open_log(log_path)
        try:
            pid = os.posix_spawn(
                _WORKER[0],
                _WORKER,
                _environment(),
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, reading, 0),
                    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                    (os.POSIX_SPAWN_DUP2, sink, 2),
                ],
                setsid=True,
            )
        finally:
            os.close(sink)
            os.close(reading)
        with os.fdopen(writing, "w", closefd=False) as pipe:
            pipe.write(job + "\n")
    except BrokenPipeError:
        return pid  # it has ended already; `alive` says so and its log says why
    finally:
        os.close(writing)
    return pid


def _environment() -> dict[str, str]:
    """Ours, less the settings: the job has them, and a worker's environment shows no secret."""
    return {name: value for name, value in os.environ.items() if not _is_setting(name)}


def _is_setting(name: str) -> bool:
    return name.upper().startswith(PREFIX)


def _open_log(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
