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
        self._began_here = False
        """Whether this worker wrote when the recording began."""

    async def begin(self) -> None:
        """Frames are being recorded: write when that began, and time zero."""
        columns = self._columns()
        self._written_ns = columns["origin_ns"]
        self._began_here = self._entry.recording.started_at is None
        if self._began_here:
            columns["started_at"] = self._wall_clock_time()
        if self._entry.state is RecordingState.PAUSED:
            await self._entry.catalog.update(self._entry.recording.id, **columns)
        else:
            await self._entry.change_state(RecordingState.RECORDING, **columns)

    async def follow(self) -> None:
        """Time zero moves once, when the first frames' position beside the audio is known."""
        if self._written_ns not in (None, self._clock.origin_ns):
            columns = self._columns()
            if self._began_here:
                columns["started_at"] = self._wall_clock_time()
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
    recording then goes on right behind the last status report; one that is paused so that the time
    is cut out, where that pause begins. What was cut out by `pauses` counts as passed.
    """
    if recording.origin_ns is not None and recording.origin_boot == boot_id():
        return recording.origin_ns
    if recording.started_at is None:
        return None
    passed_s = (LiveFigures.of(recording).duration_s or 0.0) + PERIOD_S
    if (lasting := _lasting(pauses)) is not None and lasting.mode == PauseMode.CUT:
        paused_s = (datetime.now(UTC) - lasting.began_at).total_seconds()
        passed_s = lasting.at_s + max(paused_s, 0.0)
    passed_s += earlier_pauses(pauses, None).cut_ns / SECOND_NS
    return time.monotonic_ns() - int(passed_s * SECOND_NS)


def earlier_pauses(rows: Sequence[Pause], origin_ns: int | None) -> EarlierPauses:
    """What a later worker has to know. `origin_ns`: the recording's zero, as `rows` count from."""
    cut_s = sum(row.length_s for row in rows if row.length_s and row.mode == PauseMode.CUT)
    cut_ns = round(cut_s * SECOND_NS)
    count, opened = max((row.number for row in rows), default=0), None
    if origin_ns is not None and (lasting := _lasting(rows)) is not None:
        begin_ns = origin_ns + cut_ns + round(lasting.at_s * SECOND_NS)
        mode = PauseMode(lasting.mode)
        opened = PauseSpan(lasting.number, mode, begin_ns, cut_earlier_ns=cut_ns)
    return EarlierPauses(count, cut_ns, opened)


def _lasting(rows: Sequence[Pause]) -> Pause | None:
    return rows[-1] if rows and rows[-1].ended_at is None else None
