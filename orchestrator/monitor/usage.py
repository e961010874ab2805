"""What one process uses, by psutil; None is a figure that was not measured."""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

import psutil

_MINUTE_S: Final = 60.0
_KEPT: Final = 128
"""Most samples of the last minute that are kept: one is taken each second."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One sample of one process."""

    pid: int
    since: datetime
    """When the process began."""
    cpu_cores: float | None
    """Cores used since the sample before; None for the first."""
    cpu_cores_1m: float | None
    """Average of the last minute, or since the first sample if that is less."""
    cpu_seconds: float
    """User and system time since the process began."""
    rss_bytes: int
    threads: int
    written_bytes: int | None
    """What it caused to be written to disks (proc(5), `write_bytes`)."""
    nice: int


class ProcessUsage:
    """Samples one process, distinguished from a later one with its pid by the creation time."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._since = datetime.fromtimestamp(self._process.create_time(), UTC)
        self._taken: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        """Monotonic time and CPU seconds of the samples of the last minute, oldest first."""

    def sample(self) -> Usage | None:
        """What it uses now; None when it is gone (or a zombie)."""
        process = self._process
        try:
            with process.oneshot():
                times = process.cpu_times()
                rss, threads = process.memory_info().rss, process.num_threads()
                nice, written = process.nice(), _written_bytes(process)
        except psutil.Error:
            return None
        now, cpu = time.monotonic(), times.user + times.system
        cores, cores_1m = self._cores(now, cpu)
        return Usage(
            process.pid, self._since, cores, cores_1m, cpu, rss, threads, written, int(nice)
        )

    def _cores(self, now: float, cpu: float) -> tuple[float | None, float | None]:
        """Since the sample before, and since the oldest one that is at most a minute old."""
        taken = self._taken
        while taken and now - taken[0][0] > _MINUTE_S:
            taken.popleft()
        rates = (_rate(taken[-1], now, cpu), _rate(taken[0], now, cpu)) if taken else (None, None)
        taken.append((now, cpu))
        return rates


class RoleUsage:
    """Samples whichever process has a role now; one follows the other."""

    def __init__(self) -> None:
        self._of: tuple[int, ProcessUsage] | None = None

    def sample(self, pid: int | None) -> Usage | None:
        """What the process with the role uses now; None when there is none."""
        if pid is None:
            self._of = None
            return None
        if self._of is None or self._of[0] != pid:
            try:
                self._of = (pid, ProcessUsage(pid))
            except psutil.NoSuchProcess:  # it has ended this very moment
                return None
        return self._of[1].sample()


def _rate(before: tuple[float, float], now: float, cpu: float) -> float | None:
    then, cpu_then = before
    return round(max(cpu - cpu_then, 0.0) / (now - then), 3) if now > then else None


def _written_bytes(process: psutil.Process) -> int | None:
    try:
        return int(process.io_counters().write_bytes)
    except (psutil.AccessDenied, AttributeError):  # macOS has no such counter
        return None


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
