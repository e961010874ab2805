"""A recording's time zero, shared by all its workers, one after the other.

It is a moment of the monotonic clock, which all processes of a machine share until it reboots, and
which nobody sets. The wall clock is only shown to people.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.catalog.models import Recording
from orchestrator.catalog.pauses.model import Pause
from orchestrator.media import SECOND_NS
from orchestrator.monitor.usage import boot_id
from orchestrator.pausing import EarlierPauses, PauseMode, PauseSpan
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
        if self._entry.state is RecordingState.PAUSED:
            await self._entry.catalog.update(self._entry.recording.id, **columns)
        else:
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


def known_origin_ns(recording: Recording, pauses: Sequence[Pause] = ()) -> int | None:
    """Time zero on this machine's monotonic clock in ns, if an earlier worker fixed it.

    A row of an earlier version, or of the time before a reboot, only says that there is one: the
    recording then goes on right behind the last status report. What was cut out by `pauses` counts
    as passed.
    """
    if recording.origin_ns is not None and recording.origin_boot == boot_id():
        return recording.origin_ns
    if recording.started_at is None:
        return None
    recorded_s = (LiveFigures.of(recording).duration_s or 0.0) + PERIOD_S
    recorded_s += earlier_pauses(pauses, None).cut_ns / SECOND_NS
    return time.monotonic_ns() - int(recorded_s * SECOND_NS)


def earlier_pauses(rows: Sequence[Pause], origin_ns: int | None) -> EarlierPauses:
    """What a later worker has to know. `origin_ns`: the recording's zero, as `rows` count from."""
    cut_s = sum(row.length_s for row in rows if row.length_s and row.mode == PauseMode.CUT)
    cut_ns = round(cut_s * SECOND_NS)
    count, opened = max((row.number for row in rows), default=0), None
    if origin_ns is not None and rows and rows[-1].ended_at is None:
        begin_ns = origin_ns + cut_ns + round(rows[-1].at_s * SECOND_NS)
        opened = PauseSpan(rows[-1].number, PauseMode(rows[-1].mode), begin_ns)
    return EarlierPauses(count, cut_ns, opened)
