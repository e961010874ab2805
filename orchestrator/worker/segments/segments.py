"""Segments of one recording: a pipe, a writer and a command for each run of ffmpeg."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import structlog

from orchestrator.encoding.joining.seam import CODECS
from orchestrator.encoding.pipeline.command import command
from orchestrator.encoding.pipeline.fixed_rate import fixed_rate
from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.encoding.process.prepared_run import PreparedRun
from orchestrator.encoding.process.run_result import RunResult
from orchestrator.media import AUDIO_RATE, AUDIO_TIME_BASE, BT601, Colors
from orchestrator.mediafiles.probe import holds_packets
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.pipes.fifo import Fifo
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.pipes.frame_rate import USUAL_FPS
from orchestrator.pipes.frame_rate_grid import FrameRateGrid
from orchestrator.pipes.segment_audio_overlap import RecentAudio
from orchestrator.pipes.writer import SegmentWriter
from orchestrator.recordings.start_request import QUALITIES
from orchestrator.stop_policy import STOP
from orchestrator.worker.segments.encoder_speed import EncoderSpeed
from orchestrator.worker.segments.listed_segments import ListedSegments
from orchestrator.worker.segments.open_segment import OpenSegment
from orchestrator.worker.segments.segment_positions import SegmentPosition, write_position

log = structlog.get_logger(__name__)

OPEN_TIMEOUT_S: Final = 15.0
"""How long an ffmpeg may take from its start to opening the pipe."""

CUT_TIMEOUT_S: Final = 5.0
"""How long a writer may take to reach the position where a recording is split."""


@dataclass(slots=True, kw_only=True)
class Segments(ListedSegments):
    """Prepares one segment after the other for the supervisor."""

    canvas: CanvasSize
    """Of the next segment."""
    queue: FrameQueue
    runtime: Path
    """Private folder for the pipes."""
    speed: EncoderSpeed
    paused: Callable[[], bool] = lambda: False
    """Whether no frames come for now."""
    fps: float = USUAL_FPS
    """Frame rate that the next segment's encoder plans with."""
    colors: Colors = BT601
    """Of all its frames."""
    running_canvas: CanvasSize | None = None
    """Of the segment that was begun last."""
    part_began_s: float | None = None
    """Where the part's first segment begins; None before it does."""
    _recent: RecentAudio = field(default_factory=RecentAudio)
    """The audio that the next segment may share with the previous one, within a part."""
    _grid: FrameRateGrid | None = None
    _gave_back: bool = False
    """The run that ended last wrote nothing: the next one has its frames. Not a second time, as
    they may be what ends an ffmpeg."""

    @property
    def running_step(self) -> int | None:
        """Speed step of the segment that was begun last."""
        return self.speed.running

    def encoder_input(self) -> dict[str, Any]:
        """Size and rate of the frames that its encoder was begun for."""
        given: dict[str, Any] = {"planned_fps": round(self.fps, 2)}
        if (canvas := self.running_canvas) is not None:
            given |= {"width": canvas.width, "height": canvas.height}
        return given

    async def begin(self, number: int) -> PreparedRun:
        """The supervisor's `begin`: pipe, writer, command and catalog row of the next segment."""
        number += self.numbers_taken
        work = Path(self.recording.work_directory)
        output = work / f"{number:04d}{self.encoding.pipeline.segment_suffix}"
        fifo = await asyncio.to_thread(Fifo, self.runtime / f"{number:04d}.nut")
        if all(part != self.part for part, _ in self.files):
            self._recent, self._grid, self.part_began_s = RecentAudio(), None, None
        argv = self._command(fifo.path, output)
        writer = self._new_writer(fifo, self._grid_of(fixed_rate(argv, str(output))))
        step, self.running_canvas = self.speed.next, self.canvas
        segment = OpenSegment(self.recording.id, number, self.part, output, step, writer.statistics)
        self.speed.running = step
        self._list(segment)
        await asyncio.to_thread(
            write_position, output, SegmentPosition(writer.statistics().begins_s, self.part)
        )
        await self._save()
        writer.start()
        log_path, environment = work / f"{number:04d}.log", self.encoding.ffmpeg.environment
        return PreparedRun(
            Run(argv, log_path, environment=environment),
            end_input=writer.finish,
            ended=lambda ending: self._run_ended(segment, writer, ending),
            fed=lambda: writer.statistics().written_bytes,
            waiting=lambda: not self.queue.empty,
            starved=lambda: self.paused() and self.queue.empty,
            cut=lambda: _cut(writer),
        )

    def _grid_of(self, rate: Fraction | None) -> FrameRateGrid | None:
        """The frame slots of a part with a fixed frame rate, from its first sample on."""
        if self._grid is None or self._grid.rate != rate:
            began_s = self.part_began_s
            first = self.queue.next_sample if began_s is None else round(began_s * AUDIO_RATE)
            self.part_began_s = first / AUDIO_RATE
            self._grid = None if rate is None else FrameRateGrid(rate, first * AUDIO_TIME_BASE)
        return self._grid

    def _new_writer(self, fifo: Fifo, grid: FrameRateGrid | None) -> SegmentWriter:
        return SegmentWriter(
            fifo,
            self.queue,
            self.canvas,
            open_timeout_s=OPEN_TIMEOUT_S,
            on_first=self._first,
            on_frame=self.preview.take,
            recent=self._recent if self.encoding.pipeline.audio_codec in CODECS else None,
            colors=self.colors,
            grid=grid,
            fps=self.fps,
        )

    def _command(self, fifo: Path, output: Path) -> list[str]:
        recording, encoding = self.recording, self.encoding
        return command(
            encoding.pipeline,
            ffmpeg=encoding.ffmpeg,
            source=str(fifo),
            output=str(output),
            width=self.canvas.width,
            height=self.canvas.height,
            video_bitrate_bps=QUALITIES[recording.video_quality].video_bps,
            audio_bitrate_bps=QUALITIES[recording.audio_quality].audio_bps,
            speed=self.speed.next,
            threads=encoding.threads or self.speed.threads,
            colors=self.colors,
            fps=self.fps,
            tags=encoding.tags,
            aside=str(Path(recording.output_path).with_suffix("")),
            fragment_s=encoding.fragment_s,
        )

    async def _run_ended(
        self, segment: OpenSegment, writer: SegmentWriter, ending: RunResult
    ) -> None:
        writer.abort()
        ended = await asyncio.to_thread(writer.join, STOP.writer_s)
        give_back = ended and not self._gave_back
        self._gave_back = give_back and await asyncio.to_thread(_give_back, writer, segment.path)
        await self._end(segment, ending)


def _give_back(writer: SegmentWriter, path: Path) -> bool:
    """Whether the file holds nothing and its frames go into the next one. Blocking."""
    if not writer.may_give_back or holds_packets(path):
        return False
    path.unlink(missing_ok=True)
    writer.give_back()
    return True


def _cut(writer: SegmentWriter) -> bool:
    writer.cut()
    return writer.join(CUT_TIMEOUT_S)
