"""A recording's time zero, shared by all its workers, one after the other.

It is a moment of the monotonic clock, which all processes of a machine share until it reboots, and
which nobody sets. The wall clock is only shown to people.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.catalog.models import Recording
from orchestrator.media import SECOND_NS
from orchestrator.monitor.usage import boot_id
from orchestrator.recordings.figures import LiveFigures
from orchestrator.recordings.states import RecordingState
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.status_report import PERIOD_S
from orchestrator.worker.tracks.capture import Capture


class TimeOrigin:
    """Keeps time zero in the catalog."""

    def __init__(self, entry: CatalogEntry, capture: Capture) -> None:
        self._entry, self._clock = entry, capture.clock
        self._written_ns: int | None = None

    async def begin(self) -> None:
        """Frames are being recorded: write when that began, and time zero."""
        columns = self._columns()
        self._written_ns = columns["origin_ns"]
        if self._entry.recording.started_at is None:
            columns["started_at"] = self._wall_clock_time()
        await self._entry.change_state(RecordingState.RECORDING, **columns)

    async def follow(self) -> None:
        """Time zero moves once, when the first frames' position beside the audio is known."""
        if self._written_ns not in (None, self._clock.origin_ns):
            columns = self._columns()
            await self._entry.catalog.update(self._entry.recording.id, **columns)
            self._written_ns = columns["origin_ns"]

    def _columns(self) -> dict[str, Any]:
        return {"origin_ns": self._clock.origin_ns, "origin_boot": boot_id()}

    def _wall_clock_time(self) -> datetime:
        """Time zero on the wall clock."""
        assert self._clock.origin_ns is not None
        ago = timedelta(microseconds=(time.monotonic_ns() - self._clock.origin_ns) // 1000)
        return datetime.now(UTC) - ago


def known_origin_ns(recording: Recording) -> int | None:
    """Time zero on this machine's monotonic clock in ns, if an earlier worker fixed it.

    A row of an earlier version, or of the time before a reboot, only says that there is one: the
    recording then goes on right behind the last status report.
    """
    if recording.origin_ns is not None and recording.origin_boot == boot_id():
        return recording.origin_ns
    if recording.started_at is None:
        return None
    recorded_s = (LiveFigures.of(recording).duration_s or 0.0) + PERIOD_S
    return time.monotonic_ns() - int(recorded_s * SECOND_NS)
