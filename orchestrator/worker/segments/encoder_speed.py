"""A recording's speed step: which one CPU is reserved for, which one is next, which one runs."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.encoding.pipeline.command import Pipeline


@dataclass(slots=True)
class EncoderSpeed:
    """The steps are those of the pipeline; 0 is the slowest."""

    reserved: int | None = None
    """CPU is reserved for this one, and no slower one is taken. None: the pipeline's default."""
    pinned: bool = False
    """It was requested, and stays even if the encoder falls behind."""
    next: int = 0
    """Of the next segment."""
    threads: int = 0
    """Of the next segment's encoder; 0: as the pipeline's own costs say."""
    running: int | None = None
    """Of the segment that was begun last."""

    def reserve(self, step: int | None) -> None:
        """CPU is reserved for this step from now on, which other recordings may have changed."""
        self.reserved = step

    def begin(self, pipeline: Pipeline) -> None:
        """The first segment's step: one that the pipeline has, even if it was edited since."""
        last = len(pipeline.speeds) - 1
        self.next = pipeline.default_speed if self.reserved is None else min(self.reserved, last)
