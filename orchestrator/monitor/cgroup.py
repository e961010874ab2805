"""Limits of the process's control group (cgroup v2: kernel.org, admin-guide/cgroup-v2).

In a container not all of the machine's cores and memory are ours. Of the limits of all groups from
ours up to the root the tightest holds. Version 1, and systems other than Linux, have none of these
files: no limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path("/sys/fs/cgroup")
OWN: Final = Path("/proc/self/cgroup")


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit, and the group that has it: its usage is what counts against it."""

    value: float
    """Cores, or bytes."""
    group: Path


@dataclass(frozen=True, slots=True)
class Limits:
    """None is no limit."""

    cpu: Limit | None
    memory: Limit | None


def limits(own: Path = OWN, root: Path = ROOT) -> Limits:
    """Those in force now. Blocking."""
    groups = list(_groups(own, root))
    return Limits(
        cpu=_tightest([(_cores(_read(g / "cpu.max")), g) for g in groups]),
        memory=_tightest([(_number(_read(g / "memory.max")), g) for g in groups]),
    )


def cpu_seconds(group: Path) -> float | None:
    """CPU time that the group has used (`cpu.stat`, `usage_usec`)."""
    used = _field(_read(group / "cpu.stat"), "usage_usec")
    return None if used is None else used / 1e6


def memory_bytes(group: Path) -> int | None:
    """What the group uses, without file pages that the kernel can drop at once."""
    current = _number(_read(group / "memory.current"))
    if current is None:
        return None
    droppable = _field(_read(group / "memory.stat"), "inactive_file") or 0
    return max(int(current - droppable), 0)


def _groups(own: Path, root: Path) -> Iterator[Path]:
    """Ours and those above it; a container sees its own as the root."""
    path = next((x[3:] for x in _read(own).splitlines() if x.startswith("0::")), None)
    if path is None:
        return
    group = root / path.strip().lstrip("/")
    while group != root and root in group.parents:
        yield group
        group = group.parent
    yield root


def _tightest(found: list[tuple[float | None, Path]]) -> Limit | None:
    known = [Limit(value, group) for value, group in found if value is not None]
    return min(known, key=lambda limit: limit.value, default=None)


def _cores(text: str) -> float | None:
    """`cpu.max` is `quota period` in microseconds, or `max period`."""
    quota, _, period = text.partition(" ")
    return float(quota) / float(period) if quota.isdecimal() and period.strip() else None


def _number(text: str) -> float | None:
    return float(text) if text.strip().isdecimal() else None


def _field(text: str, name: str) -> float | None:
    fields = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
    return _number(fields.get(name, ""))


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except OSError:
        return ""
