"""Starts worker processes and knows whether they run. Nothing else spawns workers.

A worker gets its job as one line of JSON on its standard input: that keeps secrets out of its
arguments and environment, and out of the zygote that forks it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

import psutil
import structlog

from orchestrator.errors import WorkerFailed
from orchestrator.monitor.usage import boot_id, created, is_running
from orchestrator.server.spawning import spawn
from orchestrator.server.zygote import Zygote
from orchestrator.stop_policy import STOP

log = structlog.get_logger(__name__)

_LOOK_S: Final = 0.02
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
        """Keep a process that has imported all that workers need, if that is configured."""

    def ready(self) -> int | None:
        """The pid of that process; None without one."""

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
    """Workers as processes on this machine, each in a session of its own.

    `reserve`: a zygote forks them, with everything imported, which takes a second. Without one, or
    while it doesn't answer, each is started by itself.
    """

    def __init__(
        self,
        *,
        reserve: bool = False,
        module: str = _WORKER,
        held: signal.Signals = signal.SIGUSR1,
    ) -> None:
        """`module`: what a process runs, with ``python -m``, when no zygote forks it.

        `held`: a signal that it doesn't get before it listens to it, and unblocks it.
        """
        self._module, self._held = module, held
        self._children: set[int] = set()
        """Processes that we started: workers, and the zygote."""
        self._forked: set[int] = set()
        """Workers that a zygote started, which lets go of them when they end."""
        self._reserve = reserve
        self._zygote: Zygote | None = None
        self._lock = threading.Lock()

    async def start(self, job: str, log: Path) -> WorkerHandle:
        """Hand the job to a new worker, and close its standard input."""
        return await asyncio.to_thread(self._begin, job, log)

    async def keep_ready(self) -> None:
        """Start a zygote unless there is one; nothing without `reserve`."""
        if self._reserve and self.ready() is None:
            await asyncio.to_thread(self._start_zygote)

    def ready(self) -> int | None:
        """The pid of the zygote."""
        zygote = self._zygote
        if zygote is None or zygote.closed or self._reaped(zygote.pid):
            return None
        return zygote.pid if zygote.pid in self._children else None

    def _begin(self, job: str, log: Path) -> WorkerHandle:
        reading, writing = os.pipe()
        with os.fdopen(writing, "w") as pipe:
            with os.fdopen(reading) as stdin, _open_log(log) as stderr:
                pid = self._new_worker(stdin.fileno(), stderr.fileno())
            # While it waits for its job it doesn't end by itself.
            if (began := created(pid)) is None:
                raise WorkerFailed("The process ended at once.", f"See {log}.")
            _give(pipe, job)
        return WorkerHandle(pid, began, boot_id())

    def _new_worker(self, stdin: int, stderr: int) -> int:
        # Noted here, in the thread, which goes on when the caller is cancelled.
        zygote = self._zygote
        pid = None if zygote is None else zygote.worker(stdin, stderr)
        if zygote is None or pid is None:
            pid = spawn(self._module, self._held, stdin, stderr)
            self._children.add(pid)
        elif pid == zygote.pid:  # it doesn't fork here, and became the worker
            self._let_go(zygote)
        else:
            self._forked.add(pid)
        return pid

    def _start_zygote(self) -> None:
        unused: Zygote | None
        new = unused = Zygote(self._held)
        self._children.add(new.pid)
        with self._lock:
            if self._reserve:
                unused, self._zygote = self._zygote, new
        if unused is not None:  # one that had ended; or the new one, and we were closed meanwhile
            unused.close()

    def _let_go(self, zygote: Zygote) -> None:
        with self._lock:
            if self._zygote is zygote:
                self._zygote = None
        zygote.close()

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
        return any([self._reaped(pid) for pid in (*self._children, *self._forked)])

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
        ending = set() if leave else self._children | self._forked
        if (zygote := self._zygote) is not None:
            self._let_go(zygote)
            ending.add(zygote.pid)
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
        """Whether it was started for us and has ended, which is said once."""
        if pid in self._forked:
            ended = not _exists(pid)
        elif pid in self._children:
            ended = _reap(pid)
        else:
            return False
        if ended:
            self._forked.discard(pid)
            self._children.discard(pid)
        return ended


def _exists(pid: int) -> bool:
    """Whether we have a process with this pid; cheaper than psutil, at ten times a second."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _reap(pid: int) -> bool:
    """Whether this child has ended."""
    try:
        ended, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return True
    return bool(ended)


def _give(pipe: IO[str], job: str) -> None:
    """Its job, and the end of its input."""
    # If it has ended already, `alive` says so and its log says why.
    with suppress(BrokenPipeError), pipe:
        pipe.write(job + "\n")


def _open_log(path: Path) -> IO[str]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a")
