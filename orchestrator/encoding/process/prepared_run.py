"""One run of ffmpeg, prepared for the supervisor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.encoding.process.run_result import RunResult


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """What to start, and the callbacks of its life."""

    argv: list[str]
    log_path: Path
    environment: Mapping[str, str]
    """ffmpeg's whole environment (environment.passed_on)."""
    end_input: Callable[[], None]
    """Ends ffmpeg's input once the queue is written; called in a thread, at most once."""
    started: Callable[[Run], None]
    ended: Callable[[RunResult], Awaitable[None]]
    """Called once, after the run or its failure to start; cleans up what `begin` created."""
    fed: Callable[[], int] | None = None
    """Bytes written to the input so far: distinguishes a stalled ffmpeg from a starved one."""
    waiting: Callable[[], bool] = lambda: False
    """Whether frames wait to be written, to this run or to the next."""
    cut: Callable[[], bool] | None = None
    """Ends the input where the next run continues, whatever waits; called in a thread. False if
    that takes too long."""
