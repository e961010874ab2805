"""Where one segment ends and the next begins: at one moment in audio and video. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from orchestrator.media import AUDIO_TIME_BASE, VIDEO_TIME_BASE
from orchestrator.pipes.timeline_items import AudioItem, Item

_BEHIND: Final = 2
"""Samples after the last video frame: more than one tick of its clock, so it stays before."""


@dataclass(slots=True)
class SegmentBoundary:
    """Divides items at a sample; knows when everything before it has passed."""

    sample: int
    _audio: bool = field(default=False, init=False)
    _video: bool = field(default=False, init=False)

    @classmethod
    def after(cls, next_sample: int, last_pts: int) -> SegmentBoundary:
        """The first sample after the audio and the video frame (1/90000) that were written last."""
        after_video = int(last_pts * VIDEO_TIME_BASE / AUDIO_TIME_BASE) + _BEHIND
        return cls(max(next_sample, after_video))

    @property
    def passed(self) -> bool:
        """Audio and video have reached the boundary; both come in order."""
        return self._audio and self._video

    def divide(self, item: Item) -> tuple[Item | None, Item | None]:
        """The part of the item before the boundary, and the rest."""
        if not isinstance(item, AudioItem):
            later = item.pts >= round(self.sample * AUDIO_TIME_BASE / VIDEO_TIME_BASE)
            self._video = self._video or later
            return (None, item) if later else (item, None)
        self._audio = self._audio or item.pts + item.count >= self.sample
        return item.divided(self.sample)
