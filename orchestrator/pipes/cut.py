"""Where one file ends and the next begins: one moment in sound and picture. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from orchestrator.media import AUDIO_TIME_BASE, VIDEO_TIME_BASE
from orchestrator.pipes.items import AudioItem, Item

_BEHIND: Final = 2
"""Samples after the last picture: more than one tick of its clock, so that it stays before."""


@dataclass(slots=True)
class Cut:
    """Divides items at a sample; knows when all that is before has gone by."""

    sample: int
    _audio: bool = field(default=False, init=False)
    _video: bool = field(default=False, init=False)

    @classmethod
    def after(cls, next_sample: int, last_pts: int) -> Cut:
        """The first sample behind the sound and the picture (1/90000) written last."""
        picture = int(last_pts * VIDEO_TIME_BASE / AUDIO_TIME_BASE) + _BEHIND
        return cls(max(next_sample, picture))

    @property
    def passed(self) -> bool:
        """Sound and picture have come to the cut; both come in order."""
        return self._audio and self._video

    def divide(self, item: Item) -> tuple[Item | None, Item | None]:
        """What of it is before the cut, and what is not."""
        if not isinstance(item, AudioItem):
            later = item.pts >= round(self.sample * AUDIO_TIME_BASE / VIDEO_TIME_BASE)
            self._video = self._video or later
            return (None, item) if later else (item, None)
        self._audio = self._audio or item.pts + item.count >= self.sample
        return item.divided(self.sample)
