"""What writes the files of a recording that is copied, and what controls it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from orchestrator.encoding.process.supervisor import Supervisor
from orchestrator.errors import HavenError
from orchestrator.mediafiles.headroom import has_headroom, keep_ballast
from orchestrator.recordings.limits import MOST_PARTS
from orchestrator.stream_copy.packet_writer import PacketWriter
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.context import WorkerContext
from orchestrator.worker.control.segment_control import SegmentControl
from orchestrator.worker.recording_setup import create_bounds
from orchestrator.worker.segments.copied_segments import CopiedSegments
from orchestrator.worker.segments.segment_positions import numbers_taken
from orchestrator.worker.tracks.copied_capture import CopiedCapture

STALL_S: Final = 30.0
"""A disk that takes a packet no sooner is given up; the next file may be written to another."""


class CopyControl(SegmentControl):
    """Of a recording that is copied: a new file at a split, or if its video has another codec."""

    _program = "writer"

    def __init__(
        self,
        context: WorkerContext,
        entry: CatalogEntry,
        capture: CopiedCapture,
        *,
        stop: Callable[[str], None],
        fail: Callable[[HavenError], None],
    ) -> None:
        super().__init__(context, entry, stop=stop, fail=fail)
        self._capture = capture
        self._segments: CopiedSegments | None = None
        self._cut: PacketWriter | None = None
        """The writer that was to be cut for a track that came late."""

    @property
    def segments(self) -> CopiedSegments | None:
        """Once they are planned."""
        return self._segments

    async def prepare(self) -> Supervisor:
        """Plans the segments; nothing is written before the supervisor runs."""
        context, settings, recording = self._context, self._context.settings, self._entry.recording
        work = Path(recording.work_directory)
        earlier = await context.catalog.segments(recording.id)
        await asyncio.to_thread(keep_ballast, work)
        part = max((s.part for s in earlier), default=1)
        self._segments = segments = CopiedSegments(
            recording=recording,
            encoding=await context.encoding,
            catalog=context.catalog,
            preview=context.preview,
            queue=self._capture.queue,
            tracks=self._capture.tracks.known,
            may_add=self._capture.tracks.may_add,
            ask_for_keyframes=self._in_loop(self._capture.keyframes_wanted.set),
            numbers_taken=await asyncio.to_thread(numbers_taken, earlier, work),
            part=part,
            files=[(s.part, Path(s.path)) for s in earlier if s.part == part],
        )
        self._bounds = await create_bounds(
            segments, settings, stop=self._stop, split=self._split, fail=self._fail
        )
        self.supervisor = Supervisor(
            segments.begin,
            self._run_changed,
            self._run_ended,
            max_restarts=settings.max_restarts,
            start_timeout_s=math.inf,  # until somebody unmutes there is nothing to write
            stall_s=STALL_S,
            has_headroom=partial(has_headroom, work),
        )
        return self.supervisor

    def tick(self) -> None:
        """Ends or splits it, and begins a new file for a track that this one may not have."""
        super().tick()
        writer = self._segments.writer if self._segments is not None else None
        if writer is None:
            return
        written = writer.opened.file.tracks if writer.opened else frozenset()
        self._capture.left_out_by_writer(writer.left_out.reasons, written)
        if writer is self._cut or (track := writer.blocked_by) is None:
            return
        if self._held():
            return  # audio of this file waits for its place
        self._cut = writer
        why = f"{track.name!r} comes as {track.codec} now, which this file has no track for"
        if self._segments is not None and self._segments.part >= MOST_PARTS:
            self._stop(f"{why}, and the recording has {MOST_PARTS} files already")
        else:
            self._split(why)

    @staticmethod
    def _in_loop(call: Callable[[], None]) -> Callable[[], None]:
        """The same, to be called in a thread."""
        loop = asyncio.get_running_loop()

        def in_loop() -> None:
            loop.call_soon_threadsafe(call)

        return in_loop

    def _split(self, why: str = "") -> None:
        self._capture.tracks.begin_part()
        super()._split(why)

    def _held(self) -> bool:
        return self._capture.timeline.held or self._capture.paused is not None
