"""Segments of one recording: a pipe, a writer and a command for each run of ffmpeg."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import structlog

from orchestrator.catalog.models import Recording, Segment
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.capabilities import FFmpeg
from orchestrator.encoding.ending import Ending
from orchestrator.encoding.ffmpeg import Run
from orchestrator.encoding.pipeline import Preset, command
from orchestrator.encoding.supervisor import Plan
from orchestrator.errors import Unavailable
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.pipes.fifo import Fifo
from orchestrator.pipes.queue import FrameQueue
from orchestrator.pipes.writer import SegmentWriter, WriterStatistics
from orchestrator.recordings.request import QUALITIES

log = structlog.get_logger(__name__)

OPEN_TIMEOUT_S: Final = 15.0
"""How long an ffmpeg may take from its start to opening the pipe."""

_JOIN_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Encoding:
    """What stays the same for all segments of a recording."""

    preset: Preset
    ffmpeg: FFmpeg
    threads: int
    tags: Mapping[str, str]


@dataclass(slots=True)
class Totals:
    """What all writers of this worker wrote."""

    video_frames: int = 0
    video_filled: int = 0
    video_dropped: int = 0
    audio_samples: int = 0
    end_s: float = 0.0
    """How long the recording is: where the sound written last ends."""
    written_bytes: int = 0
    first_at: datetime | None = None
    """When the first frame was in a pipe."""

    def plus(self, writer: WriterStatistics) -> Totals:
        """With one more writer's counts."""
        return Totals(
            self.video_frames + writer.video_frames,
            self.video_filled + writer.video_filled,
            self.video_dropped + writer.video_dropped,
            self.audio_samples + writer.audio_samples,
            max(self.end_s, writer.end_s),
            self.written_bytes + writer.written_bytes,
            self.first_at,
        )


@dataclass(slots=True)
class Segments:
    """Prepares one segment after the other for the supervisor, and keeps the catalog true."""

    recording: Recording
    encoding: Encoding
    canvas: CanvasSize
    queue: FrameQueue
    runtime: Path
    """Private folder for the pipes."""
    catalog: Catalog
    before: int
    """Segments that earlier workers made."""
    _ended: Totals = field(default_factory=Totals)
    _writer: SegmentWriter | None = None
    _number: int = 0

    def totals(self) -> Totals:
        """Counts up to now, the running segment's too."""
        return self._ended if self._writer is None else self._ended.plus(self._writer.statistics())

    async def begin(self, number: int) -> Plan:
        """The supervisor's `begin`: pipe, writer, command and catalog row of the next segment."""
        number += self.before
        work = Path(self.recording.work_directory)
        output = work / f"{number:04d}{self.encoding.preset.segment_suffix}"
        fifo = await asyncio.to_thread(Fifo, self.runtime / f"{number:04d}.nut")
        writer = self._new_writer(fifo)
        argv = self._command(fifo.path, output)
        await self.catalog.add_segment(
            Segment(
                recording_id=self.recording.id,
                number=number,
                path=str(output),
                started_at=datetime.now(UTC),
            )
        )
        self._writer, self._number = writer, number
        writer.start()
        return Plan(
            argv=argv,
            log_path=work / f"{number:04d}.log",
            end_input=writer.finish,
            started=_ignore,
            ended=self._ender(number, writer),
            fed=lambda: writer.statistics().written_bytes,
        )

    def _new_writer(self, fifo: Fifo) -> SegmentWriter:
        return SegmentWriter(
            fifo, self.queue, self.canvas, open_timeout_s=OPEN_TIMEOUT_S, on_first=self._first
        )

    def _first(self) -> None:
        self._ended.first_at = self._ended.first_at or datetime.now(UTC)

    def _command(self, fifo: Path, output: Path) -> list[str]:
        recording, encoding = self.recording, self.encoding
        return command(
            encoding.preset,
            ffmpeg=encoding.ffmpeg,
            source=str(fifo),
            output=str(output),
            width=self.canvas.width,
            height=self.canvas.height,
            video_bitrate_bps=QUALITIES[recording.video_quality].video_bps,
            audio_bitrate_bps=QUALITIES[recording.audio_quality].audio_bps,
            threads=encoding.threads,
            tags=encoding.tags,
            aside=str(Path(recording.output_path).with_suffix("")),
        )

    def _ender(
        self, number: int, writer: SegmentWriter
    ) -> Callable[[Ending], asyncio.Future[None]]:
        def ended(ending: Ending) -> asyncio.Future[None]:
            return asyncio.ensure_future(self._end(number, writer, ending))

        return ended

    async def save(self) -> None:
        """Keep the running segment's row true; a worker that is killed can't do so at the end."""
        if self._writer is not None:
            await self.catalog.update_segment(
                self.recording.id, self._number, **_counts(self._writer.statistics())
            )

    async def _end(self, number: int, writer: SegmentWriter, ending: Ending) -> None:
        writer.abort()
        await asyncio.to_thread(writer.join, _JOIN_S)
        written = writer.statistics()
        self._ended = self._ended.plus(written)
        self._writer = None
        columns = {
            "ended_at": datetime.now(UTC),
            "outcome": ending.outcome,
            "returncode": ending.returncode,
            "stderr_tail": "\n".join(ending.stderr[-20:]) if ending.outcome != "finished" else None,
        }
        try:
            await self.catalog.update_segment(
                self.recording.id, number, **columns, **_counts(written)
            )
        except Unavailable as error:  # the last `save` is a second old at most
            log.warning("a segment's end is not written", number=number, error=error.error)


def _counts(written: WriterStatistics) -> dict[str, Any]:
    return {
        "offset_s": written.begins_s,
        "video_frames": written.video_frames,
        "audio_samples": written.audio_samples,
    }


def _ignore(run: Run) -> None:
    """The supervisor's `current` is enough for us."""
