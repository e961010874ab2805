"""Pauses a recording and has it go on, and writes into the catalog what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from orchestrator.catalog.pauses.model import Pause
from orchestrator.catalog.pauses.table import Pauses
from orchestrator.errors import HavenError, Unavailable
from orchestrator.media import SECOND_NS
from orchestrator.pausing import PauseMode, PauseSpan
from orchestrator.recordings.pauses.ends import end_with_recording
from orchestrator.recordings.states import CAPTURING, RecordingState
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.tracks.capture import Capture

log = structlog.get_logger(__name__)

RETRY_S: Final = 1.0
"""Between two attempts to write into a busy catalog."""

_S = RecordingState


class PauseControl:
    """`want` at once what is wanted, `look` often, and `run` beside: it writes."""

    def __init__(
        self,
        entry: CatalogEntry,
        capture: Capture,
        running: asyncio.Event,
        earlier: Sequence[Pause] = (),
    ) -> None:
        """`earlier`: those of earlier workers."""
        self._entry, self._capture = entry, capture
        self._running = running
        """Set once something of the recording is written."""
        self._table = Pauses(entry.catalog)
        self._changed = asyncio.Event()
        self._earlier = {row.number: row for row in earlier}
        """As they were written; of one that lasts what it began with stays."""
        self._seen: dict[int, tuple[str, bool]] = {}
        """Mode of each, and whether it lasts, as it was seen last: in the first seconds its times
        may still move, with zero (timeline)."""
        self._pending: dict[int, PauseSpan] = {}
        """Pauses that have to be written."""
        for span in capture.clock.pauses.recent:  # an earlier worker wrote it
            self._seen[span.number] = _state(span)
        if self._seen or entry.state is _S.PAUSED:
            self._changed.set()

    def want(self, pause: str | None) -> None:
        """How it is to be paused; None: to go on. What can't be yet is done with the next call."""
        self.look()  # the last one may have ended since
        if pause is None:
            if self._capture.paused is not None:
                self._capture.resume()
        elif self._entry.recorded:
            self._capture.pause(PauseMode(pause))
        self.look()

    def look(self) -> None:
        """A pause may have begun or ended: a copy ends one with a keyframe."""
        if self._look():
            self._changed.set()

    async def run(self) -> None:
        """Writes each change, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._write()
            except Unavailable as error:
                log.warning("pause not written; trying again", error=error.error)
                await asyncio.sleep(RETRY_S)
                self._changed.set()

    async def end(self) -> None:
        """The recording has ended, and its segments are written: so has the pause that lasts."""
        try:
            self.look()
            await self._entry.with_retries("the pauses", self._write_ended)
        except HavenError as error:
            log.error("the end of a pause is not written", error=error.error)

    def _look(self) -> bool:
        recent = self._capture.clock.pauses.recent
        changed = [span for span in recent if self._seen.get(span.number) != _state(span)]
        self._seen = {span.number: _state(span) for span in recent}
        self._pending |= {span.number: span for span in changed}
        return bool(changed)

    async def _write_ended(self) -> None:
        await self._write()
        span = self._capture.clock.pauses.current
        if span is None:
            return
        row = self._row(span, time.monotonic_ns())
        if span.mode is PauseMode.STILL:
            segments = await self._entry.catalog.segments(row.recording_id)
            end_with_recording(row, segments, datetime.now(UTC))
        await self._table.put(row)

    async def _write(self) -> None:
        """Rows first, then the state: who waits for the state finds them."""
        for number, span in sorted(self._pending.items()):
            end_ns = span.end_ns
            row = self._row(span, end_ns)
            await self._table.put(row)
            self._note(row)
            if (span.end_ns is None) == (end_ns is None):
                self._pending.pop(number, None)
        lasting = self._capture.clock.pauses.current
        if self._entry.state not in CAPTURING:
            return
        if lasting is not None:
            since = self._row(lasting, None).began_at
            # In a pause nothing is missing: the gap ends, and begins anew behind it if it lasts.
            if self._entry.state is _S.RECONNECTING:
                await self._entry.change_state(_S.RECORDING)
            await self._entry.change_state(_S.PAUSED, paused_since=since)
        elif self._entry.state is _S.PAUSED:
            await self._entry.change_state(_S.RECORDING, paused_since=None)
            if not (self._capture.connected and self._running.is_set()):
                await self._entry.change_state(_S.RECONNECTING)

    def _row(self, span: PauseSpan, end_ns: int | None) -> Pause:
        clock = self._capture.clock
        assert clock.origin_ns is not None
        at_ns = span.begin_ns - clock.origin_ns - span.cut_earlier_ns
        written = self._earlier.get(span.number)
        return Pause(
            recording_id=self._entry.recording.id,
            number=span.number,
            mode=span.mode.value,
            began_at=self._wall_time(span.begin_ns) if written is None else written.began_at,
            ended_at=None if end_ns is None else self._wall_time(end_ns),
            at_s=at_ns / SECOND_NS if written is None else written.at_s,
            length_s=None if end_ns is None else (end_ns - span.begin_ns) / SECOND_NS,
        )

    def _note(self, row: Pause) -> None:
        data: dict[str, Any] = {"number": row.number, "mode": row.mode, "at_s": round(row.at_s, 6)}
        if row.length_s is None:
            what = "its time is cut out" if row.mode == PauseMode.CUT else "the last frame stands"
            self._entry.note("paused", f"Paused at {row.at_s:.1f} s; {what}.", **data)
            return
        data["length_s"] = round(row.length_s, 6)
        message = f"Resumed at {row.at_s:.1f} s, after {row.length_s:.1f} s."
        if row.mode == PauseMode.STILL:
            message = f"Resumed after {row.length_s:.1f} s of a still frame."
        self._entry.note("resumed", message, **data)

    @staticmethod
    def _wall_time(at_ns: int) -> datetime:
        ago = timedelta(microseconds=(time.monotonic_ns() - at_ns) // 1000)
        return datetime.now(UTC) - ago


def _state(span: PauseSpan) -> tuple[str, bool]:
    return span.mode.value, span.end_ns is None
