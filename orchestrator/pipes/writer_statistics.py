"""What a writer has written so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.pipes.canvas import Losses


@dataclass(frozen=True, slots=True)
class WriterStatistics:
    """What one segment's pipe took."""

    video_frames: int
    """Frames received and written."""
    video_filled: int
    """Repeated or black frames written."""
    audio_samples: int
    """Samples of received audio, without the silence put in."""
    end_s: float
    """Where the audio written last ends in the recording; 0 before the first."""
    written_bytes: int
    begins_s: float
    """Where the segment begins in the recording."""
    video_dropped: int
    """Frames from before that: the writer before had already written the audio beside them."""
    refused: int = 0
    """Items that could not be written."""
    reaches_s: float = 0.0
    """Where the audio or video written last ends: audio may be held back (pipes.timeline)."""
    losses: Losses = field(default_factory=Losses)
    """Frames that were scaled down, or have bars."""
