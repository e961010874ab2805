"""Segments of one recording: a pipe, a writer and a command for each run of ffmpeg."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from orchestrator.catalog.models import Recording, Segment
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.capabilities import FFmpeg
from orchestrator.encoding.ending import Ending
from orchestrator.encoding.pipeline import Preset, command
from orchestrator.encoding.plan import Plan
from orchestrator.encoding.seam import CODECS
from orchestrator.errors import Unavailable
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.pipes.fifo import Fifo
from orchestrator.pipes.overlap import Recent
from orchestrator.pipes.queue import FrameQueue
from orchestrator.pipes.writer import SegmentWriter, WriterStatistics
from orchestrator.recordings.previews import Preview
from orchestrator.recordings.request import QUALITIES

log = structlog.get_logger(__name__)

OPEN_TIMEOUT_S: Final = 15.0
"""How long an ffmpeg may take from its start to opening the pipe."""

CUT_TIMEOUT_S: Final = 5.0
"""How long a writer may take to come to the place where a recording is split."""

SAVE_S: Final = 1.0
"""How long the catalog is waited for before a segment begins without it."""

_JOIN_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Encoding:
    """What stays the same for all segments of a recording."""

    preset: Preset
    presets: Mapping[str, Preset]
    """All there are: others record with them beside this one."""
    ffmpeg: FFmpeg
    threads: int
    tags: Mapping[str, str]


@dataclass(slots=True, eq=False)
class _Life:
    """One segment from its beginning until its row says how it ended."""

    recording_id: str
    number: int
    part: int
    path: Path
    speed_step: int
    writer: SegmentWriter
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None
    ending: Ending | None = None

    def row(self) -> Segment:
        """As it stands now."""
        written, ending = self.writer.statistics(), self.ending
        failed = ending is not None and ending.outcome != "finished"
        return Segment(
            recording_id=self.recording_id,
            number=self.number,
            part=self.part,
            path=str(self.path),
            started_at=self.started_at,
            offset_s=written.begins_s,
            end_s=written.end_s or None,
            ended_at=self.ended_at,
            speed_step=self.speed_step,
            outcome=ending and ending.outcome,
            returncode=ending and ending.returncode,
            video_frames=written.video_frames,
            audio_samples=written.audio_samples,
            stderr_tail="\n".join(ending.stderr[-20:]) if ending and failed else None,
        )


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
    refused: int = 0
    """Pictures and sounds that could not be written to any ffmpeg."""

    def plus(self, writer: WriterStatistics) -> Totals:
        """With one more writer's counts."""
        return Totals(
            self.video_frames + writer.video_frames,
            self.video_filled + writer.video_filled,
            self.video_dropped + writer.video_dropped,
            self.audio_samples + writer.audio_samples,
            max(self.end_s, writer.end_s),
            self.written_bytes + writer.written_bytes,
            self.refused + writer.refused,
        )


@dataclass(slots=True)
class Segments:
    """Prepares one segment after the other for the supervisor, and keeps the catalog true.

    A catalog that is busy holds nothing up: what it didn't take is written by a later `save_all`.
    """

    recording: Recording
    encoding: Encoding
    canvas: CanvasSize
    queue: FrameQueue
    runtime: Path
    """Private folder for the pipes."""
    catalog: Catalog
    preview: Preview
    before: int
    """Segments that earlier workers made."""
    speed_step: int
    """Of the next segment."""
    threads: int = 0
    """Of its encoder; 0: as the preset's own costs say."""
    part: int = 1
    """Number of the final file that the next segment goes into."""
    made: list[tuple[int, Path]] = field(default_factory=list)
    """Part and path of each segment, those of the part that is gone on with first."""
    running_step: int | None = None
    """Of the segment that was begun last."""
    first_at: datetime | None = None
    """When the first frame was in a pipe."""
    _recent: Recent = field(default_factory=Recent)
    """The sound that the next segment may share with the one before, within a part."""
    _ended: Totals = field(default_factory=Totals)
    _lives: dict[int, _Life] = field(default_factory=dict)
    """Segments whose end isn't in the catalog, by number."""

    def totals(self) -> Totals:
        """Counts up to now, the running segment's too."""
        totals = self._ended
        for life in self._lives.values():
            totals = totals.plus(life.writer.statistics())
        return totals

    @property
    def end_s(self) -> float:
        """How long the recording is by now."""
        return self.totals().end_s

    def whole_parts(self) -> range:
        """Parts of which all segments have ended, as the catalog knows."""
        return range(1, min((life.part for life in self._lives.values()), default=self.part))

    async def begin(self, number: int) -> Plan:
        """The supervisor's `begin`: pipe, writer, command and catalog row of the next segment."""
        number += self.before
        work = Path(self.recording.work_directory)
        output = work / f"{number:04d}{self.encoding.preset.segment_suffix}"
        fifo = await asyncio.to_thread(Fifo, self.runtime / f"{number:04d}.nut")
        if all(part != self.part for part, _ in self.made):
            self._recent = Recent()
        writer = self._new_writer(fifo)
        argv = self._command(fifo.path, output)
        life = _Life(self.recording.id, number, self.part, output, self.speed_step, writer)
        self._lives[number], self.running_step = life, self.speed_step
        self.made.append((life.part, output))
        await self._save()
        writer.start()
        return Plan(
            argv=argv,
            log_path=work / f"{number:04d}.log",
            end_input=writer.finish,
            started=_ignore,
            ended=lambda ending: self._end(life, ending),
            fed=lambda: writer.statistics().written_bytes,
            waiting=lambda: not self.queue.empty,
            cut=lambda: _cut(writer),
        )

    def _new_writer(self, fifo: Fifo) -> SegmentWriter:
        return SegmentWriter(
            fifo,
            self.queue,
            self.canvas,
            open_timeout_s=OPEN_TIMEOUT_S,
            on_first=self._first,
            on_picture=self.preview.take,
            recent=self._recent if self.encoding.preset.audio_codec in CODECS else None,
        )

    def _first(self) -> None:
        self.first_at = self.first_at or datetime.now(UTC)

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
            speed=self.speed_step,
            threads=encoding.threads or self.threads,
            tags=encoding.tags,
            aside=str(Path(recording.output_path).with_suffix("")),
        )

    async def save_all(self) -> None:
        """Keep the rows true: a worker that is killed can't do so at the end.

        Unavailable if the catalog is too busy; what it didn't take is kept for the next time.
        """
        for life in list(self._lives.values()):
            last = life.ending is not None
            await self.catalog.add_segment(life.row())
            if last and self._lives.pop(life.number, None) is not None:
                self._ended = self._ended.plus(life.writer.statistics())

    async def _save(self) -> None:
        """The same now, if the catalog has the time: ffmpeg doesn't wait for it."""
        try:
            async with asyncio.timeout(SAVE_S):
                await self.save_all()
        except (Unavailable, TimeoutError) as error:
            log.warning("segments are not written", error=str(error))

    async def _end(self, life: _Life, ending: Ending) -> None:
        life.writer.abort()
        await asyncio.to_thread(life.writer.join, _JOIN_S)
        life.ended_at, life.ending = datetime.now(UTC), ending
        await self._save()


def numbers_taken(rows: Sequence[Segment], work: Path) -> int:
    """The highest number of a segment, in the catalog or on the disk: none is written over.

    A worker may have been killed before its catalog took the row. Blocking.
    """
    on_disk = (int(path.stem) for path in work.glob("[0-9][0-9][0-9][0-9]*") if path.stem.isdigit())
    return max((*(row.number for row in rows), *on_disk), default=0)


def _cut(writer: SegmentWriter) -> bool:
    writer.cut()
    return writer.join(CUT_TIMEOUT_S)


def _ignore(run: object) -> None:
    """The supervisor's `current` is enough for us."""
