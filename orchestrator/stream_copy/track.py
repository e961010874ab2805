"""What a file of copied frames holds: its tracks, and packets with their times."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.media import EncodedFrame, TrackKind


@dataclass(frozen=True, slots=True)
class Track:
    """A track of the final file; equal ones of several segments are one track of it."""

    name: str
    """Shown by players: participant and source, such as ``alice camera``."""
    kind: TrackKind
    codec: str
    """As in `EncodedFrame`."""


@dataclass(frozen=True, slots=True)
class Packet:
    """An encoded frame at its place in the recording."""

    track: Track
    time_ns: int
    """Since the recording's beginning; strictly increasing within a track."""
    frame: EncodedFrame

    @property
    def size_bytes(self) -> int:
        """What it holds in memory."""
        return len(self.frame.data)
