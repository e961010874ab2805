"""One run of ffmpeg as it is prepared for the supervisor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.encoding.ending import Ending
from orchestrator.encoding.ffmpeg import Run


@dataclass(frozen=True, slots=True)
class Plan:
    """One run, prepared: what to start, and whom to tell."""

    argv: list[str]
    log_path: Path
    end_input: Callable[[], None]
    """Ends ffmpeg's input after what waits is written; called in a thread, once at most."""
    started: Callable[[Run], None]
    ended: Callable[[Ending], Awaitable[None]]
    """Always called, once, after the run (or its failure to start): cleans up what `begin` made."""
    fed: Callable[[], int] | None = None
    """Bytes written to the input so far: tells standing still from being starved."""
    waiting: Callable[[], bool] = lambda: False
    """Whether something waits to be written, to this run or to the next."""
    cut: Callable[[], bool] | None = None
    """Ends the input where the next run shall go on, whatever waits; called in a thread. False if
    it can't be done in time."""
