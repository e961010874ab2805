"""CPU time of processes that only work while nothing else does (SCHED_IDLE, sched(7)).

Encodes of finished files do: what they use is free for recordings.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")


class IdleClassMeter:
    """Samples those of all users; systems without that class have none."""

    def __init__(self) -> None:
        self._used_s: dict[int, float] | None = None

    def sample(self) -> float:
        """CPU seconds since the sample before; 0 for the first. Blocking, for a millisecond.

        What a process used between the last sample and its end isn't known.
        """
        before, now = self._used_s, dict(_used_s())
        self._used_s = now
        if before is None:
            return 0.0
        # A process that wasn't there has begun since; a smaller figure is that of another one.
        return sum(max(used - before.get(pid, 0.0), 0.0) for pid, used in now.items())


def _used_s() -> Iterator[tuple[int, float]]:
    """By their pids."""
    if not hasattr(os, "SCHED_IDLE") or not PROC.is_dir():
        return
    for name in os.listdir(PROC):
        if not name.isdecimal():
            continue
        pid = int(name)
        try:
            if os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK == os.SCHED_IDLE:
                yield pid, _cpu_s(pid)
        except (OSError, ValueError, IndexError):
            continue  # it has ended


def _cpu_s(pid: int) -> float:
    """User and system time of all its threads (proc(5), `utime` and `stime`)."""
    text = (PROC / str(pid) / "stat").read_text("ascii", "replace")
    # The name may have spaces and parentheses.
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
