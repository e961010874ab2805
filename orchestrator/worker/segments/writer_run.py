"""A writer of packets as a run that the supervisor keeps going, like an ffmpeg."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from orchestrator.encoding.process.progress import Progress
from orchestrator.encoding.process.run_result import RunResult
from orchestrator.errors import EncodingFailed
from orchestrator.stop_policy import STOP, StopPolicy
from orchestrator.stream_copy.packet_writer import PacketWriter

_FAILED: Final = 1
"""Exit code in place of a process's."""


class WriterRun:
    """One segment's writer (encoding.process.prepared_run.SupervisedRun).

    A thread can't be killed: one that hangs on its disk is left behind, and ends when the disk
    answers.
    """

    name = "the file's writer"
    log_path: Path | None = None
    progress: Progress | None = None
    pid: int | None = None

    def __init__(self, create: Callable[[WriterRun], PacketWriter]) -> None:
        self._writer = create(self)
        self._loop = asyncio.get_running_loop()
        self._began, self._ended = asyncio.Event(), asyncio.Event()
        self._intended = self._killed = False
        self.started_at_s = 0.0

    @property
    def writer(self) -> PacketWriter:
        """What runs."""
        return self._writer

    @property
    def moved_at_s(self) -> float:
        """time.monotonic() when it wrote, or waited for packets, last."""
        return self._writer.moved_at_s

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._writer.alive

    @property
    def begun(self) -> bool:
        """Whether it has written something."""
        return self._began.is_set()

    def cpu_s(self) -> float | None:
        """None: it is a thread of this process."""
        return None

    def stderr_tail(self) -> list[str]:
        """Why it ended, if it failed."""
        return [f"[error] {self._writer.problem}"] if self._writer.problem else []

    def first_written(self) -> None:
        """For the writer's `on_first`."""
        self._loop.call_soon_threadsafe(self._began.set)

    def writer_ended(self) -> None:
        """For the writer's `on_end`."""
        self._loop.call_soon_threadsafe(self._ended.set)

    async def start(self) -> None:
        """Starts the thread."""
        self.started_at_s = time.monotonic()
        self._writer.start()

    async def wait(self) -> RunResult:
        """Waits until it has ended."""
        await self._ended.wait()
        return self._result()

    async def wait_until_begun(self) -> None:
        """Waits until something is written."""
        await self._began.wait()

    async def stop(self, end_input: Callable[[], None], policy: StopPolicy = STOP) -> RunResult:
        """Ends its input and waits; EncodingFailed if it doesn't end within `policy.ffmpeg_s`."""
        self._intended = True
        await asyncio.to_thread(end_input)
        return await self._wait_or_give_up(policy.ffmpeg_s)

    async def kill(self) -> RunResult:
        """Ends it at once; one that hangs is given up."""
        self._killed = True
        self._writer.abort()
        try:
            return await self._wait_or_give_up(STOP.writer_s)
        except EncodingFailed as error:
            return RunResult("killed", _FAILED, (error.error,), self._intended, self.name)

    async def _wait_or_give_up(self, limit_s: float) -> RunResult:
        try:
            async with asyncio.timeout(limit_s):
                return await self.wait()
        except TimeoutError as late:
            self._writer.abort()
            raise EncodingFailed(
                f"The file's writer does not end within {limit_s:.0f} s.",
                "It waits for a disk or network file system that does not respond; check that.",
            ) from late

    def _result(self) -> RunResult:
        if self._writer.problem is not None:
            lines = tuple(self.stderr_tail())
            return RunResult("failed", _FAILED, lines, self._intended, self.name)
        if self._killed:
            return RunResult("killed", _FAILED, (), self._intended, self.name)
        return RunResult("finished", 0, (), self._intended, self.name)
