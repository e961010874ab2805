"""One frame grid for all segments of a file whose pipeline has a fixed frame rate. Pure.

ffmpeg's filter ``fps`` counts from its own input's zero, begins with its first frame and ends with
its last one: segments that know nothing of each other leave a frame too many, or too few, or one at
another distance where they meet. So the zero of each segment lies on the grid of the file's first
one, a cut lies in the middle between two slots, the frame before it lasts up to the first slot
behind it, and that slot has a frame.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

import av

from orchestrator.media import AUDIO_TIME_BASE, VIDEO_TIME_BASE

_LONGEST: Final = Fraction(2)
"""Seconds within which a whole number of frames has to be a whole number of samples; a rate where
it isn't has no grid."""

_PRIMING: Final = Fraction(1, 10)
"""What an audio encoder puts before its first sample stays behind zero, but in a file's first
segment: before zero, MP4 has it in an edit list, and behind it not."""


class FrameRateGrid:
    """The slots of one file; `begins` is where it begins in the recording, in seconds."""

    def __init__(self, rate: Fraction, begins: Fraction) -> None:
        self.rate, self._begins = rate, begins
        self._resumes: int | None = None
        """The first slot that is to be filled, right behind a cut."""
        self._last_frame: av.VideoFrame | None = None
        self._last_pts = 0

    def origin(self, begins: Fraction) -> Fraction:
        """Zero for a segment that begins here: on the grid, and before it."""
        whole = math.lcm(
            *((1 / (self.rate * base)).denominator for base in (AUDIO_TIME_BASE, VIDEO_TIME_BASE))
        )
        step = whole / self.rate
        if step > _LONGEST or begins <= self._begins:
            return begins
        return self._begins + (begins - _PRIMING - self._begins) // step * step

    def boundary(self, sample: int) -> int:
        """The first sample, not before this one, that is in the middle between two slots."""
        slot = math.ceil((sample * AUDIO_TIME_BASE - self._begins) * self.rate + Fraction(1, 2))
        return math.ceil(self._time(slot - Fraction(1, 2)) / AUDIO_TIME_BASE)

    def before(self, pts: int) -> tuple[int, av.VideoFrame | None] | None:
        """The frame that a segment has to begin with, if this one comes after its first slot."""
        slot, self._resumes = self._resumes, None
        if slot is None or self._slot(pts) <= slot:
            return None
        return self._pts(slot), self._last_frame

    def took(self, pts: int, frame: av.VideoFrame | None) -> None:
        """A frame was written."""
        self._last_pts, self._last_frame = pts, frame

    def closing(self, sample: int) -> tuple[int, av.VideoFrame | None, float]:
        """The frame that a segment ends with at this boundary: PTS, frame, rate to announce.

        It lasts up to the slot behind the boundary.
        """
        behind = self._slot(round(sample * AUDIO_TIME_BASE / VIDEO_TIME_BASE) + 1)
        self._resumes = behind
        pts = max(self._pts(behind - 1), self._last_pts + 1)
        return pts, self._last_frame, VIDEO_TIME_BASE.denominator / (self._pts(behind) - pts)

    def _slot(self, pts: int) -> int:
        return math.floor((pts * VIDEO_TIME_BASE - self._begins) * self.rate + Fraction(1, 2))

    def _pts(self, slot: int) -> int:
        return round(self._time(Fraction(slot)) / VIDEO_TIME_BASE)

    def _time(self, slot: Fraction) -> Fraction:
        return self._begins + slot / self.rate
