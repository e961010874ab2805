"""The stop sequence of a run: end of file, then SIGINT, SIGTERM and SIGKILL.

A signal does not wake an ffmpeg that is blocked on a named pipe; closing the pipe does, within
0.1 s. After the end of file a slow encoder may still have seconds of work left, so no signal is
sent as long as it works: its CPU time or its progress advances (ffmpeg 5 reports no progress while
it flushes).
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from orchestrator.encoding.process.activity import Activity
from orchestrator.encoding.process.progress import Progress
from orchestrator.encoding.process.run_result import RunResult
from orchestrator.errors import EncodingFailed
from orchestrator.stop_policy import StopPolicy

log = structlog.get_logger(__name__)

_POLL_S: Final = 0.2
_IDLE_S: Final = 2.0
"""Idle for this long means blocked, not slow."""


class Stoppable(Protocol):
    """What the sequence needs of a run."""

    @property
    def pid(self) -> int | None: ...
    @property
    def progress(self) -> Progress | None: ...
    def cpu_s(self) -> float | None: ...
    def signal(self, number: signal.Signals) -> None: ...


class StopSequence:
    """One stop of one run, from the end of its input to SIGKILL."""

    def __init__(self, run: Stoppable, ended: asyncio.Task[RunResult], policy: StopPolicy) -> None:
        self._run = run
        self._ended = ended
        self._policy = policy

    async def run(self, end_input: Callable[[], None]) -> RunResult:
        """Returns when the process is reaped; EncodingFailed if not even SIGKILL ends it."""
        # A process halted by SIGSTOP can still finish its file; others don't notice.
        self._run.signal(signal.SIGCONT)
        closing = asyncio.create_task(self._close(end_input))
        try:
            if not await self._wait_while_working(self._policy.grace_s, self._policy.working_s):
                await self._signals()
        finally:
            # A thread can't be cancelled: a write that still blocks fails once the reader is gone.
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)
        return await self._reaped()

    async def _close(self, end_input: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(end_input)
        except OSError as error:
            log.warning("could not close the input of ffmpeg", pid=self._run.pid, error=str(error))

    async def _signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            log.warning(
                "ffmpeg keeps running after the end of its input",
                pid=self._run.pid,
                send=number.name,
            )
            self._run.signal(number)
            if await self._wait_while_working(_IDLE_S, self._policy.signal_s):
                return
        log.error("killing ffmpeg", pid=self._run.pid)
        self._run.signal(signal.SIGKILL)

    async def _reaped(self) -> RunResult:
        done, _ = await asyncio.wait([self._ended], timeout=self._policy.reap_s)
        if not done:
            raise EncodingFailed(
                f"ffmpeg (pid {self._run.pid}) does not end, not even by SIGKILL.",
                "It waits for a disk or network file system that does not respond; check that.",
                pid=self._run.pid,
            )
        return self._ended.result()

    async def _wait_while_working(self, least_s: float, most_s: float) -> bool:
        """Whether it ended: waits `least_s` at least, then while it works, `most_s` at most."""
        began = time.monotonic()
        activity = Activity(began, self._run.cpu_s(), self._position())
        while not (await asyncio.wait([self._ended], timeout=_POLL_S))[0]:
            now = time.monotonic()
            idle_s = activity.idle_s(now, self._run.cpu_s(), self._position())
            if now - began >= most_s or (now - began >= least_s and idle_s >= _IDLE_S):
                return False
        return True

    def _position(self) -> object:
        progress = self._run.progress
        return progress and progress.position
