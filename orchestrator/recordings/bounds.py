"""Watches what a recording may take: time, size, room on the disk; ends or splits it in time."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from orchestrator.errors import HavenError, OutputLost
from orchestrator.recordings.limits import MOST_PARTS, Limits

AHEAD_S: Final = 3.0
"""A file grows for so long after its end was asked for: what is in the encoder, and its index."""

_DURATION: Final = "the longest duration"
_SIZE: Final = "the largest size"


def is_limit(reason: str | None) -> bool:
    """Whether a recording that ended for this reason has reached a limit that was asked for."""
    return (reason or "").startswith((_DURATION, _SIZE))


class Recorded(Protocol):
    """What is known of a recording (recordings.segments.Segments)."""

    @property
    def part(self) -> int: ...
    @property
    def made(self) -> Sequence[tuple[int, Path]]: ...
    @property
    def end_s(self) -> float: ...


class Bounds:
    """Looks at one recording. `stop`, `split` and `fail` are called when something is reached.

    `part_began_s`: where the present part begins on the recording's timeline; `earlier_bytes`: size
    of the files that earlier workers made.
    """

    def __init__(
        self,
        limits: Limits,
        recorded: Recorded,
        work: Path,
        *,
        reserve_bytes: int,
        part_began_s: float,
        earlier_bytes: int,
        stop: Callable[[str], None],
        split: Callable[[], None],
        fail: Callable[[HavenError], None],
    ) -> None:
        self._limits, self._recorded, self._work = limits, recorded, work
        self._reserve_bytes = reserve_bytes
        self._part_began_s, self._earlier_bytes = part_began_s, earlier_bytes
        self._stop, self._split, self._fail = stop, split, fail
        self._sizes: dict[Path, int] = {}
        self._inode: int | None = None

    def look(self) -> None:
        """At the time; call it often."""
        limits, recorded_s = self._limits, self._recorded.end_s
        if limits.max_duration_s is not None and recorded_s >= limits.max_duration_s:
            self._stop(f"{_DURATION} of {limits.max_duration_s:g} s is reached")
        elif limits.split_s is not None and recorded_s - self._part_began_s >= limits.split_s:
            # By the clock, so that no file's delay adds to the next one's.
            due_s = self._part_began_s + limits.split_s
            self._next_part(due_s if recorded_s - due_s < limits.split_s else recorded_s)

    async def look_at_disk(self) -> None:
        """At sizes and free space; once a second is enough."""
        made = list(self._recorded.made)
        try:
            free_bytes = await asyncio.to_thread(self._measure, [path for _, path in made])
        except OSError as error:
            self._fail(_lost(self._work, error))
            return
        of_part = [self._sizes.get(path, 0) for part, path in made if part == self._recorded.part]
        self._look_at_size(sum(of_part))
        # Several segments are joined at the end, beside themselves.
        needed = sum(of_part) if len(of_part) > 1 else 0
        if free_bytes < self._reserve_bytes + needed:
            self._stop(f"only {free_bytes / 2**20:.1f} MiB are free in {self._work.parent}")

    def _look_at_size(self, of_part: int) -> None:
        limits, recorded_s = self._limits, self._recorded.end_s
        total = _soon(self._earlier_bytes + sum(self._sizes.values()), recorded_s)
        present = _soon(of_part, recorded_s - self._part_began_s)
        if limits.max_size_bytes is not None and total >= limits.max_size_bytes:
            self._stop(f"{_SIZE} of {limits.max_size_bytes} bytes is reached")
        elif limits.split_bytes is not None and present >= limits.split_bytes:
            self._next_part(recorded_s)

    def _next_part(self, began_s: float) -> None:
        if self._recorded.part < MOST_PARTS:
            self._part_began_s = began_s
            self._split()

    def _measure(self, paths: Sequence[Path]) -> int:
        """Free bytes; OSError if the work folder isn't there any more."""
        inode = os.stat(self._work).st_ino
        if self._inode not in (None, inode):
            raise FileNotFoundError("another one is in its place")
        self._inode = inode
        for path in paths:
            if path.exists():  # what is published keeps its last size
                self._sizes[path] = path.stat().st_size
        return shutil.disk_usage(self._work).free


def _lost(work: Path, error: OSError) -> OutputLost:
    return OutputLost(
        f"The recording's folder {work} is gone: {error.strerror or error}.",
        "What was in it went with it. Leave the output directory as it is while it is recorded to.",
    )


def _soon(size_bytes: int, passed_s: float) -> float:
    """What it will be when its file is closed."""
    return size_bytes * (1 + AHEAD_S / max(passed_s, AHEAD_S))
