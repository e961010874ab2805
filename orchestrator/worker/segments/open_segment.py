"""A segment until its end is in the catalog, and what all segments of a worker add up to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.catalog.models import Segment
from orchestrator.encoding.process.run_result import RunResult
from orchestrator.pipes.canvas import Losses
from orchestrator.pipes.writer_statistics import WriterStatistics


@dataclass(slots=True, eq=False)
class OpenSegment:
    """One segment from its beginning until its row has its end."""

    recording_id: str
    number: int
    part: int
    path: Path
    speed_step: int
    statistics: Callable[[], WriterStatistics]
    """Of its writer."""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None
    ending: RunResult | None = None

    def row(self) -> Segment:
        """As it stands now."""
        written, ending = self.statistics(), self.ending
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
class SegmentTotals:
    """What all writers of this worker wrote."""

    video_frames: int = 0
    video_filled: int = 0
    video_dropped: int = 0
    audio_samples: int = 0
    reaches_s: float = 0.0
    """How long the recording is: where the last written frame or audio ends."""
    written_bytes: int = 0
    refused: int = 0
    """Frames and blocks of audio that could not be written to any ffmpeg."""
    losses: Losses = field(default_factory=Losses)
    """Frames that were scaled down or have black bars."""

    def plus(self, writer: WriterStatistics) -> SegmentTotals:
        """With one more writer's counts."""
        return SegmentTotals(
            self.video_frames + writer.video_frames,
            self.video_filled + writer.video_filled,
            self.video_dropped + writer.video_dropped,
            self.audio_samples + writer.audio_samples,
            max(self.reaches_s, writer.reaches_s),
            self.written_bytes + writer.written_bytes,
            self.refused + writer.refused,
            self.losses.plus(writer.losses),
        )
