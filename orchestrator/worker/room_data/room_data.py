"""Follows a source's events and writes down what happens besides media."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from orchestrator.catalog.models import Recording
from orchestrator.media import Publication
from orchestrator.recordings.room_data.raw_lines import raw_path
from orchestrator.recordings.room_data.wanted import keeps_data
from orchestrator.settings import Settings
from orchestrator.sources.activity import Activity, Participant
from orchestrator.sources.source import (
    ConnectionLost,
    ConnectionRestored,
    EncodedFrameReceived,
    FrameReceived,
    PublicationAdded,
    PublicationChanged,
    PublicationRemoved,
    SourceEvent,
)
from orchestrator.worker.room_data.line_writer import LineWriter, wall_ms
from orchestrator.worker.tracks.capture import Note, RecordingClock

MOST_NAMES: Final = 10_000
"""Participants whose names are remembered."""

MOST_REASONS: Final = 20

EACH_BYTES: Final = 4
"""Of a line for each value in it, besides its text."""


def room_data(
    recording: Recording, settings: Settings, note: Note, clock: RecordingClock
) -> RoomData:
    """That of a worker: it writes into the recording's work folder, or nothing if it isn't to."""
    if not keeps_data(recording, settings):
        return RoomData(None, note)
    path = raw_path(Path(recording.work_directory), recording.worker_starts)
    return RoomData(LineWriter(path, lambda: clock.origin_ns, note), note)


class RoomData:
    """Turns events into lines of one file, if they are kept."""

    def __init__(self, writer: LineWriter | None, note: Note) -> None:
        self._writer, self._note = writer, note
        self._participants: dict[str, Participant] = {}
        self._publications: dict[str, Publication] = {}
        self._noted: set[str] = set()
        """Reasons why something is left out that are in the event log."""

    def beside(self, on_event: Callable[[SourceEvent], None]) -> Callable[[SourceEvent], None]:
        """Gives events to `on_event`, and looks at them."""
        if self._writer is None:
            return on_event

        def both(event: SourceEvent) -> None:
            on_event(event)
            if not isinstance(event, (FrameReceived, EncodedFrameReceived)):
                self._on_event(event)

        return both

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Lines are written in here; when it ends all of them are."""
        if self._writer is None:
            yield
            return
        task = asyncio.create_task(self._writer.run(), name="room data")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._writer.flush()

    # -- inside

    def _on_event(self, event: SourceEvent) -> None:
        match event:
            case Activity():
                self._activity(event)
            case PublicationAdded(publication):
                self._publications[publication.sid] = publication
                self._publication("published", publication)
            case PublicationChanged(publication):
                self._changed(publication)
            case PublicationRemoved(sid):
                if (gone := self._publications.pop(sid, None)) is not None:
                    self._publication("unpublished", gone)
            case ConnectionLost(reason):
                self._put("connection", time.monotonic_ns(), {"connected": False, "reason": reason})
            case ConnectionRestored():
                self._put("connection", time.monotonic_ns(), {"connected": True})

    def _activity(self, activity: Activity) -> None:
        who = activity.participant
        if who is not None and len(self._participants) < MOST_NAMES:
            self._participants[who.identity] = who
        if activity.problem is not None:
            self._problem(activity.problem, str(activity.values.get("reason", "")))
        self._put(activity.type, activity.time_ns, activity.values, who)

    def _problem(self, problem: str, reason: str) -> None:
        """Each reason once: there may be many lines of it."""
        if reason not in self._noted and len(self._noted) < MOST_REASONS:
            self._noted.add(reason)
            self._note("data", problem, left_out=True)

    def _changed(self, publication: Publication) -> None:
        before = self._publications.get(publication.sid)
        self._publications[publication.sid] = publication
        if before is not None and before.muted != publication.muted:
            self._publication("muted" if publication.muted else "unmuted", publication)

    def _publication(self, type: str, publication: Publication) -> None:
        who = publication.participant
        known = self._participants.get(who) or (Participant(who, kind="unknown") if who else None)
        track = {
            "sid": publication.sid,
            "kind": publication.kind.value,
            "source": publication.source.value,
            "codec": publication.mime_type,
            "muted": publication.muted,
            "encrypted": publication.encrypted,
        }
        self._put(type, time.monotonic_ns(), {"track": track}, known)

    def _put(
        self, type: str, ns: int, values: Mapping[str, Any], who: Participant | None = None
    ) -> None:
        line: dict[str, Any] = {"ns": ns, "wall_ms": wall_ms(ns), "type": type}
        if who is not None:
            line["participant"] = who.as_json()
        if self._writer is None:
            return
        self._writer.put({**line, **values}, 300 + _size_of(values))


def _size_of(values: Any) -> int:
    """About, in bytes of JSON: all texts in it, and a little for everything else."""
    size_bytes, left = 0, [values]
    while left:
        value = left.pop()
        if isinstance(value, str):
            size_bytes += len(value)
        elif isinstance(value, Mapping):
            left += [*value.keys(), *value.values()]
        elif isinstance(value, (list, tuple)):
            left += value
        size_bytes += EACH_BYTES
    return size_bytes
