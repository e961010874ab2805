"""Watches what a recording may take: time, size, disk space; ends or splits it in time."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from orchestrator.errors import HavenError, OutputLost
from orchestrator.mediafiles.headroom import largest_file_bytes
from orchestrator.recordings.limits import DURATION, MOST_PARTS, SIZE, Limits

AHEAD_S: Final = 3.0
"""Seconds for which a file grows after its end was requested: encoder delay, and its index."""

FILLED: Final = 0.9
"""Share of the largest file size at which a file is ended: its index comes on top."""


class Recorded(Protocol):
    """What is known of a recording (worker.segments.segments.Segments)."""

    @property
    def part(self) -> int: ...
    @property
    def files(self) -> Sequence[tuple[int, Path]]: ...
    @property
    def end_s(self) -> float: ...


class Bounds:
    """Watches one recording. Calls `stop`, `split` or `fail` when a limit is reached.

    `joins_one`: whether even one segment has to be written anew to become the file.
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
        joins_one: bool = False,
        stop: Callable[[str], None],
        split: Callable[[str], None],
        fail: Callable[[HavenError], None],
    ) -> None:
        self._limits, self._recorded, self._work = limits, recorded, work
        self._reserve_bytes = reserve_bytes
        self._part_began_s, self._earlier_bytes = part_began_s, earlier_bytes
        self._most_as_they_are = 0 if joins_one else 1
        """Segments that become a file without being written anew."""
        self._stop, self._split, self._fail = stop, split, fail
        self._sizes: dict[Path, int] = {}
        self._inode: int | None = None

    def look(self, *, may_split: bool = True) -> None:
        """Checks the time; call it often. `may_split`: whether the segment can be ended now."""
        limits, recorded_s = self._limits, self._recorded.end_s
        if limits.max_duration_s is not None and recorded_s >= limits.max_duration_s:
            self._stop(f"{DURATION} of {limits.max_duration_s:g} s is reached")
        elif limits.split_s is None or not may_split:
            return
        elif recorded_s - self._part_began_s >= limits.split_s:
            # By the clock, so that no file's delay adds to the next one's.
            due_s = self._part_began_s + limits.split_s
            self._next_part(due_s if recorded_s - due_s < limits.split_s else recorded_s)

    async def look_at_disk(self) -> None:
        """Checks sizes and free space; once a second is enough."""
        files = list(self._recorded.files)
        try:
            free_bytes, largest = await asyncio.to_thread(
                self._measure, [path for _, path in files]
            )
        except OSError as error:
            self._fail(_lost(self._work, error))
            return
        of_part = [self._sizes.get(path, 0) for part, path in files if part == self._recorded.part]
        self._look_at_size(sum(of_part), largest)
        # Joining segments needs as much space again.
        needed = sum(of_part) if len(of_part) > self._most_as_they_are else 0
        if free_bytes < self._reserve_bytes + needed:
            self._stop(f"only {free_bytes / 2**20:.1f} MiB are free in {self._work.parent}")

    def _look_at_size(self, of_part: int, largest: int | None) -> None:
        limits, recorded_s = self._limits, self._recorded.end_s
        total = _soon(self._earlier_bytes + sum(self._sizes.values()), recorded_s)
        present = _soon(of_part, recorded_s - self._part_began_s)
        if limits.max_size_bytes is not None and total >= limits.max_size_bytes:
            self._stop(f"{SIZE} of {limits.max_size_bytes} bytes is reached")
        elif limits.split_bytes is not None and present >= limits.split_bytes:
            self._next_part(recorded_s)
        elif largest is not None and present >= FILLED * largest:
            why = f"no file may be larger than {largest} bytes here"
            if self._recorded.part < MOST_PARTS:
                self._next_part(recorded_s, why)
            else:
                self._stop(why)

    def _next_part(self, began_s: float, why: str = "") -> None:
        if self._recorded.part < MOST_PARTS:
            self._part_began_s = began_s
            self._split(why)

    def _measure(self, paths: Sequence[Path]) -> tuple[int, int | None]:
        """Free bytes and the largest size of a file; OSError if the work folder is gone."""
        inode = os.stat(self._work).st_ino
        if self._inode not in (None, inode):
            raise FileNotFoundError("another folder has its name")
        self._inode = inode
        for path in paths:
            if path.exists():  # a published file keeps its last size here
                self._sizes[path] = path.stat().st_size
        return shutil.disk_usage(self._work).free, largest_file_bytes(self._work)


def _lost(work: Path, error: OSError) -> OutputLost:
    return OutputLost(
        f"The recording's folder {work} is gone: {error.strerror or error}.",
        "Its files are lost. Leave the output directory alone while a recording runs.",
    )


def _soon(size_bytes: int, passed_s: float) -> float:
    """The size that a file will have when it is closed."""
    return size_bytes * (1 + AHEAD_S / max(passed_s, AHEAD_S))
