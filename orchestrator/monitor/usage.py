"""What one process uses, by psutil. A figure that was not measured is None."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import psutil


@dataclass(frozen=True, slots=True)
class Usage:
    """One sample of one process."""

    pid: int
    cpu_cores: float | None
    """Cores used since the sample before; None for the first."""
    cpu_seconds: float
    """User and system time since the process began."""
    rss_bytes: int
    threads: int

    def as_dict(self) -> dict[str, Any]:
        """For the figures in the catalog."""
        return asdict(self)


class ProcessUsage:
    """Samples one process, told from a later one with the same pid by its creation time."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._last: tuple[float, float] | None = None

    def sample(self) -> Usage | None:
        """What it uses now; None when it is gone (or a zombie)."""
        try:
            with self._process.oneshot():
                times = self._process.cpu_times()
                rss, threads = self._process.memory_info().rss, self._process.num_threads()
        except psutil.NoSuchProcess:
            return None
        now, cpu = time.monotonic(), times.user + times.system
        cores = self._cores(now, cpu)
        self._last = (now, cpu)
        return Usage(self._process.pid, cores, cpu, rss, threads)

    def _cores(self, now: float, cpu: float) -> float | None:
        if self._last is None or now <= self._last[0]:
            return None
        return round(max(cpu - self._last[1], 0.0) / (now - self._last[0]), 3)


def created(pid: int) -> float | None:
    """When the process began (with the pid this names it for good); None when there is none."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def is_running(pid: int, created_at: float) -> bool:
    """Whether that very process runs. A zombie doesn't."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - created_at) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
