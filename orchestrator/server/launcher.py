"""Starts worker processes and knows whether they run. Nothing else spawns workers.

A worker gets its job as one line of JSON on its standard input: that keeps secrets out of its
arguments and environment, and lets a worker wait in reserve with everything imported.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

import psutil
import structlog

from orchestrator.errors import WorkerFailed
from orchestrator.monitor.usage import boot_id, created, is_running
from orchestrator.settings import PREFIX
from orchestrator.stop_policy import STOP

log = structlog.get_logger(__name__)

_LOOK_S: Final = 0.02
_STDERR: Final = 2
_WORKER: Final = "orchestrator.worker"


@dataclass(frozen=True, slots=True)
class WorkerHandle:
    """Identifies one worker process, also after its pid was reused or the machine rebooted."""

    pid: int
    created: float
    boot: str


class Launcher(Protocol):
    """What the server needs of whatever runs workers."""

    async def start(self, job: str, log: Path) -> WorkerHandle:
        """Start a worker with its job (one line of JSON, which names `log` too)."""

    async def keep_ready(self) -> None:
        """Keep a worker in reserve, if that is configured."""

    def ready(self) -> int | None:
        """The pid of the worker that waits for a job; None without one."""

    def wake(self, worker: WorkerHandle) -> None:
        """Make it read the catalog now."""

    def alive(self, worker: WorkerHandle) -> bool:
        """Whether that very process runs."""

    def reap(self) -> bool:
        """Let go of those that have ended; whether there were any."""

    async def kill(self, worker: WorkerHandle) -> None:
        """End it at once; its ffmpeg finishes its file by itself."""

    async def close(self, *, leave: bool) -> None:
        """Done with them; `leave` those that run to the next server."""


class LocalLauncher:
    """Workers as child processes on this machine, each in a session of its own.

    `posix_spawn`, since neither asyncio's transports (which kill their child when the loop ends)
    nor `Popen` (which warns of it) let a worker outlive the server.

    `reserve`: one worker waits for the next job with everything imported, which takes a second.
    When we end, however that happens, its standard input closes and it ends too.
    """

    def __init__(
        self,
        *,
        reserve: bool = False,
        module: str = _WORKER,
        held: signal.Signals = signal.SIGUSR1,
    ) -> None:
        """`module`: what a process runs, with ``python -m``.

        `held`: a signal that it doesn't get before it listens to it, and unblocks it.
        """
        self._module, self._held = module, held
        self._children: set[int] = set()
        self._reserve = reserve
        self._ready: _Waiting | None = None
        self._lock = threading.Lock()

    async def start(self, job: str, log: Path) -> WorkerHandle:
        """Hand the job to the one in reserve or to a new one, and close its standard input."""
        pid = await asyncio.to_thread(self._begin, job, log)
        if (began := created(pid)) is None:
            raise WorkerFailed("The process ended at once.", f"See {log}.")
        return WorkerHandle(pid, began, boot_id())

    async def keep_ready(self) -> None:
        """Put one in reserve unless one waits; nothing without `reserve`."""
        if self._reserve and self.ready() is None:
            await asyncio.to_thread(self._put_in_reserve)

    def ready(self) -> int | None:
        """The pid of the one in reserve."""
        waiting = self._ready
        if waiting is None or self._reaped(waiting.pid) or waiting.pid not in self._children:
            return None
        return waiting.pid

    def _begin(self, job: str, log: Path) -> int:
        with _open_log(log) as sink:
            waiting = self._taken()
            if waiting is None or not waiting.give(job):
                waiting = self._spawned(sink.fileno())
                waiting.give(job)  # if it has ended already, `alive` says so and its log says why
        return waiting.pid

    def _put_in_reserve(self) -> None:
        # Until it has a job, its stderr is the server's own.
        waiting: _Waiting | None = self._spawned(_STDERR)
        with self._lock:
            if self._reserve:
                waiting, self._ready = self._ready, waiting
        if waiting is not None:  # one that had ended; or ours, and we were closed meanwhile
            waiting.input.close()

    def _taken(self) -> _Waiting | None:
        with self._lock:
            waiting, self._ready = self._ready, None
        return waiting

    def _spawned(self, sink: int) -> _Waiting:
        # Added here, in the thread, which goes on when the caller is cancelled.
        waiting = _spawn(self._module, self._held, sink)
        self._children.add(waiting.pid)
        return waiting

    def wake(self, worker: WorkerHandle) -> None:
        """SIGUSR1: the worker reads what is wanted of it now, not within a second."""
        if self.alive(worker):
            os.kill(worker.pid, signal.SIGUSR1)

    def alive(self, worker: WorkerHandle) -> bool:
        """Whether that very process runs; a child that has ended is reaped on the way."""
        if self._reaped(worker.pid) or worker.boot != boot_id():
            return False
        return is_running(worker.pid, worker.created)

    def reap(self) -> bool:
        """Take note of all that have ended, so that none stays a zombie; whether there were any."""
        return any([self._reaped(pid) for pid in list(self._children)])

    def end(self, worker: WorkerHandle) -> bool:
        """SIGTERM: it ends by itself, soon; False if it has ended."""
        if not self.alive(worker):
            return False
        os.kill(worker.pid, signal.SIGTERM)
        return True

    async def kill(self, worker: WorkerHandle) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.alive(worker):
            os.kill(worker.pid, signal.SIGKILL)
            await self._wait_gone({worker.pid})

    async def close(self, *, leave: bool) -> None:
        """Wait for the children, which are about to end; or leave them to the next server."""
        self._reserve = False
        ending = set() if leave else set(self._children)
        if (waiting := self._taken()) is not None:
            waiting.input.close()
            ending.add(waiting.pid)
        await self._wait_gone(ending)

    async def _wait_gone(self, pids: Collection[int]) -> None:
        try:
            async with asyncio.timeout(STOP.exit_s):
                while any(map(self._is_there, pids)):  # noqa: ASYNC110 - it ends without an event
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            log.warning("workers didn't end in time", pids=sorted(pids))

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


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A worker that reads its standard input for a job."""

    pid: int
    input: IO[str]

    def give(self, job: str) -> bool:
        """Its job, and the end of its input; False if it has ended already."""
        try:
            with self.input as pipe:
                pipe.write(job + "\n")
        except BrokenPipeError:
            return False
        return True


def _spawn(module: str, held: signal.Signals, sink: int) -> _Waiting:
    """Start a worker whose standard error is this file descriptor."""
    reading, writing = os.pipe()
    try:
        pid = os.posix_spawn(
            sys.executable,
            (sys.executable, "-m", module),
            _environment(),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, reading, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, sink, _STDERR),
            ],
            setsid=True,
            # Who is woken before it listens would die of it (signal(7)); so it hears of it then.
            setsigmask=[held],
        )
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    return _Waiting(pid, os.fdopen(writing, "w"))


def _environment() -> dict[str, str]:
    """Ours, less the settings: the job has them, and a worker's environment shows no secret."""
    return {name: value for name, value in os.environ.items() if not _is_setting(name)}


def _is_setting(name: str) -> bool:
    return name.upper().startswith(PREFIX)


def _open_log(path: Path) -> IO[str]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a")
