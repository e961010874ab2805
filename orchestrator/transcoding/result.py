"""How far a transcoding is, and what came of it. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Stage = Literal["reading", "encoding", "joining", "checking"]
"""reading: the source's packets; encoding: chunks; joining and checking: the new file."""


@dataclass(frozen=True, slots=True)
class TranscodingProgress:
    """How far one file is."""

    stage: Stage
    done_s: float
    """Of the media, in seconds: chunks that are finished, and those under way so far."""
    total_s: float
    frames: int
    """Encoded so far; of a run that goes on, with those of the runs before."""
    fps: float | None
    """Frames encoded for each second of this run; None until the first."""
    left_s: float | None
    """Until it is done, as it goes now; None until that can be told."""

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return min(self.done_s / self.total_s, 1.0) if self.total_s > 0 else 0.0


@dataclass(frozen=True, slots=True)
class TranscodingResult:
    """A file that was encoded again, checked, and given its name."""

    source: Path
    output: Path
    pipeline: str
    source_bytes: int
    output_bytes: int
    duration_s: float
    frames: int
    """Of the video; 0 without one."""
    chunks: int
    took_s: float
    """Of this run; a run that goes on has had less to do."""
    fps: float | None
    """Frames that this run encoded, for each second of it; None if it encoded none."""
    audio: tuple[str, ...]
    """What became of each audio track: `aac copied`, `opus encoded as aac`."""
    left_out: tuple[str, ...]
    """Streams of the source that the new file can't have: `subtitle subrip`."""
    vmaf: float | None
    """The mean of all frames; None if it wasn't asked for, or there is no video."""
    vmaf_least: float | None
    """Of the worst frame."""
    replaced: bool
    """The source is gone."""

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self) | {"source": str(self.source), "output": str(self.output)}
