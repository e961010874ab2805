"""What one process uses, by psutil. A figure that was not measured is None."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
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
    """When the process began, in seconds; None when there is none.

    With the pid and the boot this names a process for good. On Linux it counts from the boot
    (proc(5), `starttime`): setting the clock changes nothing. Elsewhere it is the wall clock's.
    """
    try:
        return _since_boot(pid) if psutil.LINUX else psutil.Process(pid).create_time()
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return None


def is_running(pid: int, created_at: float) -> bool:
    """Whether that very process runs. A zombie doesn't."""
    began = created(pid)
    if began is None or abs(began - created_at) >= 1:
        return False
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@cache
def boot_id() -> str:
    """Names this run of the machine: another after every boot (random(4))."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:  # no Linux: the wall clock in `created` tells boots apart
        return "unknown"


def _since_boot(pid: int) -> float:
    # The program's name is in parentheses, and may hold spaces and parentheses itself.
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")
