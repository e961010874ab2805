"""Syncs what was recorded to the disk once a second.

A killed process loses nothing that it has written; a power cut takes all that the system still
holds, up to half a minute. So a worker syncs what its ffmpegs write (fdatasync(2) is the file's,
whoever wrote to it), and the catalog's write-ahead log, which names it: SQLite syncs that one only
now and then (sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from orchestrator.periodic import Periodic

log = structlog.get_logger(__name__)

PERIOD_S: Final = 1.0

_sync_data: Final[Callable[[int], None]] = getattr(os, "fdatasync", os.fsync)  # macOS has no first


class DiskSync:
    """Syncs what one recording needs after a power cut."""

    def __init__(self, work_directory: Path, catalog: Path) -> None:
        self._work, self._log = work_directory, catalog.with_name(f"{catalog.name}-wal")
        self._synced: dict[Path, int] = {}
        """Modification time of each synced file, in nanoseconds (st_mtime_ns)."""

    async def run(self) -> None:
        """Syncs once a second, until cancelled."""
        # Whoever writes sees a failing disk, too.
        sync = partial(asyncio.to_thread, self.sync)
        failure = "not synced to the disk"
        await Periodic(sync, PERIOD_S, failure=failure, at_once=False, together=True).run()

    def sync(self) -> None:
        """Syncs everything that was written since the last time. Blocking."""
        written = self._now()
        for path, at_ns in written.items():
            if self._synced.get(path) != at_ns:
                _sync(path)
        if written.keys() - self._synced.keys():
            _sync(self._work)  # new names
            _sync(self._work.parent)
        self._synced = written

    def _now(self) -> dict[Path, int]:
        paths = [self._log, *self._work.glob("*")]
        return {path: path.stat().st_mtime_ns for path in paths if path.is_file()}


def _sync(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:  # it was removed meanwhile
        return
    try:
        _sync_data(descriptor)
    finally:
        os.close(descriptor)
