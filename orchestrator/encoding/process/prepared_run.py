"""One run, prepared for the supervisor: of ffmpeg, or of a thread that writes a file itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Protocol

from orchestrator.encoding.process.progress import Progress
from orchestrator.encoding.process.run_result import RunResult
from orchestrator.stop_policy import STOP, StopPolicy


class SupervisedRun(Protocol):
    """One run of what writes a segment (ffmpeg.Run says what each means)."""

    @property
    def name(self) -> str:
        """What it runs, for errors."""

    @property
    def log_path(self) -> Path | None: ...
    @property
    def progress(self) -> Progress | None: ...
    @property
    def started_at_s(self) -> float: ...
    @property
    def moved_at_s(self) -> float: ...
    @property
    def pid(self) -> int | None: ...
    @property
    def alive(self) -> bool: ...
    @property
    def begun(self) -> bool: ...
    def cpu_s(self) -> float | None: ...
    def stderr_tail(self) -> list[str]: ...
    async def start(self) -> None: ...
    async def wait(self) -> RunResult: ...
    async def wait_until_begun(self) -> None: ...
    async def stop(self, end_input: Callable[[], None], policy: StopPolicy = STOP) -> RunResult: ...
    async def kill(self) -> RunResult: ...


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """What to start, and the callbacks of its life."""

    run: SupervisedRun
    """Not yet started."""
    end_input: Callable[[], None]
    """Ends its input once the queue is written; called in a thread, at most once."""
    ended: Callable[[RunResult], Awaitable[None]]
    """Called once, after the run or its failure to start; cleans up what `begin` created."""
    _: KW_ONLY
    fed: Callable[[], int] | None = None
    """Bytes written to the input so far: distinguishes a stalled run from a starved one."""
    waiting: Callable[[], bool] = lambda: False
    """Whether frames wait to be written, to this run or to the next."""
    starved: Callable[[], bool] = lambda: False
    """Whether none come, nor fillers: the recording is paused."""
    cut: Callable[[], bool] | None = None
    """Ends the input where the next run continues, whatever waits; called in a thread. False if
    that takes too long."""
