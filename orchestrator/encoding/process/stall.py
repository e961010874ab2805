"""Detects an ffmpeg that has stalled; a slow, starting or starved one has not. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from orchestrator.encoding.process.activity import Activity


@dataclass(slots=True)
class StallDetector:
    """Checks one run; `check` returns the reason to kill it, or None.

    Starved (nothing was fed since its last progress and nothing waits, or nothing comes) is no
    stall, however long an encoder holds its last frames then. Blocked (fed,
    no progress, no CPU time) is certain after `stall_s`. Fed and busy without progress may be an
    overloaded machine: that is allowed for `busy_s`.
    """

    started_s: float
    start_timeout_s: float
    stall_s: float
    busy_s: float = 30.0
    _moved_s: float = field(default=0.0, init=False)
    _fed: int = field(default=0, init=False)
    _starved_s: float = field(default=-math.inf, init=False)
    """When nothing came last."""
    _activity: Activity = field(init=False)

    def __post_init__(self) -> None:
        self._activity = Activity(self.started_s, 0.0)

    def check(
        self,
        now_s: float,
        *,
        begun: bool,
        moved_s: float,
        fed: int | None,
        cpu_s: float | None,
        waiting: bool = False,
        starved: bool = False,
    ) -> str | None:
        """Why the run has to be killed, at `now_s`.

        `moved_s`: when its progress last advanced; `waiting`: more input is ready for it;
        `starved`: none comes.
        """
        if starved:
            self._starved_s = now_s
        fed_s = now_s - self._starved_s
        idle_s = min(self._activity.idle_s(now_s, cpu_s), fed_s)
        if moved_s != self._moved_s:
            self._moved_s, self._fed = moved_s, fed or 0
        if not begun:
            late = min(now_s - self.started_s, fed_s) >= self.start_timeout_s
            return (
                f"no frame encoded within {self.start_timeout_s:g} s of the start" if late else None
            )
        if fed is not None and fed <= self._fed and not waiting:
            return None
        return self._stalled(min(now_s - self._moved_s, fed_s), idle_s)

    def _stalled(self, still_s: float, idle_s: float) -> str | None:
        if min(still_s, idle_s) >= self.stall_s:
            return f"ffmpeg stalled: no progress and no CPU time for {still_s:.1f} s"
        if still_s >= self.busy_s:
            return f"ffmpeg stalled: no progress for {still_s:.1f} s, though it is busy"
        return None
