"""How a run is stopped: end of file first, then louder and louder.

A signal does not wake an ffmpeg that is blocked on a named pipe, and closing the pipe does, within
0.1 s. After the end of file a slow encoder may still have seconds of work in it, so it is waited
for as long as it works: its CPU time or its progress moves (ffmpeg 5 reports nothing while it
flushes).
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from orchestrator.encoding.ending import Ending
from orchestrator.encoding.progress import Progress
from orchestrator.errors import EncodingFailed

log = structlog.get_logger(__name__)

_LOOK_S: Final = 0.2
_QUIET_S: Final = 2.0
"""Without a sign of work for this long it is blocked, not slow."""

_WORK_CPU_S: Final = 0.02
"""CPU time within one look that counts as work; a blocked ffmpeg uses none."""

_SIGNAL_CAP_S: Final = 10.0
"""Longest time between one signal and the next, however busy it is."""

_REAP_S: Final = 10.0


class Stoppable(Protocol):
    """What the ladder needs of a run."""

    @property
    def pid(self) -> int | None: ...
    @property
    def progress(self) -> Progress | None: ...
    def cpu_s(self) -> float | None: ...
    def signal(self, number: signal.Signals) -> None: ...


class Ladder:
    """One descent from a polite end to SIGKILL."""

    def __init__(
        self, run: Stoppable, ended: asyncio.Task[Ending], *, grace_s: float, cap_s: float
    ) -> None:
        self._run = run
        self._ended = ended
        self._grace_s = grace_s
        self._cap_s = max(cap_s, grace_s)

    async def descend(self, end_input: Callable[[], None]) -> Ending:
        """Until the process is reaped; EncodingFailed if not even SIGKILL ends it."""
        # One that was halted (SIGSTOP) can still finish its file; others don't notice.
        self._run.signal(signal.SIGCONT)
        closing = asyncio.create_task(self._close(end_input))
        try:
            if not await self._patience(self._grace_s, self._cap_s):
                await self._signals()
        finally:
            # A thread can't be cancelled: what still writes finds a reader gone, and returns.
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)
        return await self._reaped()

    async def _close(self, end_input: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(end_input)
        except OSError as error:
            log.warning("the input of ffmpeg did not close", pid=self._run.pid, error=str(error))

    async def _signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            log.warning(
                "ffmpeg goes on after the end of its input", pid=self._run.pid, send=number.name
            )
            self._run.signal(number)
            if await self._patience(_QUIET_S, _SIGNAL_CAP_S):
                return
        log.error("ffmpeg is killed", pid=self._run.pid)
        self._run.signal(signal.SIGKILL)

    async def _reaped(self) -> Ending:
        done, _ = await asyncio.wait([self._ended], timeout=_REAP_S)
        if not done:
            raise EncodingFailed(
                f"ffmpeg (pid {self._run.pid}) can't be ended, not even by SIGKILL.",
                "It waits for a disk or network file system that doesn't answer; check that first.",
                pid=self._run.pid,
            )
        return self._ended.result()

    async def _patience(self, least_s: float, most_s: float) -> bool:
        """Waits for the end: `least_s` at least, then as long as it works, `most_s` at most."""
        began = worked = time.monotonic()
        sign = self._sign()
        while True:
            done, _ = await asyncio.wait([self._ended], timeout=_LOOK_S)
            now = time.monotonic()
            if done:
                return True
            last, sign = sign, self._sign()
            if _works(last, sign):
                worked = now
            if now - began >= most_s or (now - began >= least_s and now - worked >= _QUIET_S):
                return False

    def _sign(self) -> tuple[float, object]:
        progress = self._run.progress
        return (self._run.cpu_s() or 0.0, progress and progress.position)


def _works(last: tuple[float, object], now: tuple[float, object]) -> bool:
    return now[0] - last[0] >= _WORK_CPU_S or now[1] != last[1]
