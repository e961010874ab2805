"""How many cores this process may use: affinity, and the quotas of its control groups."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Final

_CGROUPS: Final = Path("/sys/fs/cgroup")
_OWN: Final = Path("/proc/self/cgroup")


def cores_allowed(own: Path = _OWN, cgroups: Path = _CGROUPS) -> float:
    """Cores, in parts too: half a core is a quota that containers are given. Blocking."""
    return min(_affinity(), _quota(own, cgroups))


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota(own: Path, cgroups: Path) -> float:
    """The smallest quota from our own control group upwards (cgroup v2, cpu.max)."""
    try:
        lines = own.read_text("utf-8").splitlines()
    except OSError:  # no Linux
        return float("inf")
    name = next((line[3:] for line in lines if line.startswith("0::")), "/")
    group = cgroups / name.strip("/")
    # In a container the path may be one that is only known outside; its root is then ours.
    above = [group, *group.parents] if group.is_dir() else [cgroups]
    limits = (_limit(folder / "cpu.max") for folder in above if folder.is_relative_to(cgroups))
    return min(limits, default=float("inf"))


def _limit(path: Path) -> float:
    try:
        quota, period = path.read_text("ascii").split()
    except (OSError, ValueError):  # the root has none, and no group has with cgroup v1
        return float("inf")
    return float("inf") if quota == "max" else int(quota) / int(period)


def processor() -> str:
    """Its name, as far as the system tells it. Blocking."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:  # no Linux
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
