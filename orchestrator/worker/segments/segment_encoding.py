"""What stays the same for all segments of a recording: pipeline, ffmpeg, tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.encoding.pipeline.safe_options import FRAGMENT_S
from orchestrator.encoding.process.capabilities import FFmpeg
from orchestrator.file_access import FileAccess
from orchestrator.stream_copy.packet_muxer import SEGMENT_CONTAINERS

FastStart = Literal["auto", "always", "never"]
"""When an MP4's index comes first (settings.fields, fast_start)."""


@dataclass(frozen=True, slots=True)
class SegmentEncoding:
    """What stays the same for all segments of a recording."""

    pipeline: Pipeline
    pipelines: Mapping[str, Pipeline]
    """All pipelines by name: other recordings use them beside this one."""
    ffmpeg: FFmpeg
    threads: int
    tags: Mapping[str, str]
    fast_start: FastStart = "auto"
    file_access: FileAccess = "private"
    fragment_s: float = FRAGMENT_S
    """Seconds of a fragment of MP4: of one that is watched with low latency a third."""

    @property
    def has_other_segments(self) -> bool:
        """Whether segments have another format than the file, so that even one has to be joined."""
        return self.pipeline.copies and self.pipeline.container not in SEGMENT_CONTAINERS.values()
