"""What the machine (or our container) has and uses; None is a figure that can't be measured."""

from __future__ import annotations

import os
import platform
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from orchestrator.monitor import cgroup
from orchestrator.monitor.idle_class import IdleClassMeter


@dataclass(frozen=True, slots=True)
class MachineUsage:
    """One sample of the machine, or of the control group that limits us."""

    at: datetime
    cores: float
    """Cores that we may use: the quota, or the CPUs we may run on."""
    cpu_cores: float | None
    """Cores used by everybody since the sample before; None for the first."""
    load_1m: float
    """Load average of the whole machine over a minute: processes that run or wait."""
    memory_bytes: int
    """In use, without what the kernel can drop at once."""
    memory_limit_bytes: int
    """All there is for us."""
    disk_free_bytes: int | None
    disk_total_bytes: int | None
    """Of the disk with the output directory; None while that isn't there."""


@dataclass(frozen=True, slots=True)
class CoreUsage:
    """One sample of the cores; the first has no figures, as nothing precedes it."""

    cores: float
    """That we may use: the quota, or the CPUs we may run on."""
    used: float | None
    """By everybody since the sample before; with a quota, by those it is for."""
    idle: float | None
    """Idle cores for us: the rest of the quota, at most what our CPUs have left.

    What processes of the idle class use counts as left; of a quota it is used."""


class CoreMeter:
    """Samples the cores."""

    def __init__(self) -> None:
        self._last: tuple[float, float, float] | None = None
        self._idle_class = IdleClassMeter()

    def sample(self, limits: cgroup.Limits | None = None) -> CoreUsage:
        """What they did since the sample before. Blocking, for a millisecond.

        `limits` are those in force, for who has just read them.
        """
        limit = (limits or cgroup.limits()).cpu
        cores, now, busy_s = _cores(limit), time.monotonic(), _busy_s()
        quota_s = cgroup.cpu_seconds(limit.group) if limit else None
        used_s = busy_s if quota_s is None else quota_s
        yielding_s = self._idle_class.sample()
        before, self._last = self._last, (now, busy_s, used_s)
        if before is None or now <= before[0]:
            return CoreUsage(cores, None, None)
        then, busy_then_s, used_then_s = before
        busy = max(busy_s - busy_then_s, 0.0) / (now - then)
        used = max(used_s - used_then_s, 0.0) / (now - then)
        left = len(_cpus()) - busy + min(yielding_s / (now - then), busy)
        idle = max(left if limit is None else min(cores - used, left), 0.0)
        return CoreUsage(cores, round(used, 3), round(idle, 3))


class MachineMeter:
    """Samples the machine."""

    def __init__(self) -> None:
        self._meter = CoreMeter()

    def sample(self, directory: Path) -> MachineUsage:
        """What it uses now, with the disk of this directory. Blocking, for about a millisecond."""
        limits = cgroup.limits()
        usage = self._meter.sample(limits)
        memory, memory_limit = _memory(limits.memory)
        disk = _disk(directory)
        return MachineUsage(
            at=datetime.now(UTC),
            cores=usage.cores,
            cpu_cores=usage.used,
            load_1m=psutil.getloadavg()[0],
            memory_bytes=memory,
            memory_limit_bytes=memory_limit,
            disk_free_bytes=disk and disk[0],
            disk_total_bytes=disk and disk[1],
        )


def cores_allowed() -> float:
    """Cores that we may use, in parts too, as containers are given. Blocking."""
    return _cores(cgroup.limits().cpu)


def processor() -> str:
    """The processor's name, as far as the system tells it. Blocking."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:  # no Linux
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _cores(limit: cgroup.Limit | None) -> float:
    cpus = float(len(_cpus()))
    return min(limit.value, cpus) if limit else cpus


def _cpus() -> frozenset[int]:
    """Those that we may run on (sched_getaffinity(2)): containers without a quota have some."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(psutil.cpu_count() or 1))


def _busy_s() -> float:
    """CPU time of all processes on those; user time includes guests (proc(5), `guest`)."""
    ours, all_times = _cpus(), psutil.cpu_times(percpu=True)
    # Where CPUs are off, or a container sees its own only, a CPU's place isn't its number.
    numbered = max(ours) < len(all_times)
    times = [t for cpu, t in enumerate(all_times) if cpu in ours] if numbered else all_times
    not_busy = ("idle", "iowait", "guest", "guest_nice")
    return float(sum(v for t in times for n, v in t._asdict().items() if n not in not_busy))


def _memory(limit: cgroup.Limit | None) -> tuple[int, int]:
    memory = psutil.virtual_memory()
    if limit and limit.value < memory.total:
        used = cgroup.memory_bytes(limit.group)
        if used is not None:
            return used, int(limit.value)
    return memory.total - memory.available, memory.total


def _disk(directory: Path) -> tuple[int, int] | None:
    try:
        usage = shutil.disk_usage(directory)
    except OSError:
        return None
    return usage.free, usage.total
