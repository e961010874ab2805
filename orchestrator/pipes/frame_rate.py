"""Frame rates, measured from the frames' times. Pure.

WebRTC has no fixed rate: screens send 5 frames a second, games 60, and a camera in the dark changes
its own. Encoders share their bits among the frames that they expect.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from orchestrator.media import VIDEO_TIME_BASE

USUAL_FPS: Final = 30.0
"""The rate of most streams: assumed where none is known."""

LEAST_FPS, MOST_FPS = 1.0, 240.0
"""Slower doesn't come, as a frame that stays is written once a second. SVT-AV1 takes no faster."""

LEAST_FRAMES: Final = 4
"""Intervals between frames that are needed for a rate; two or three only show jitter."""

_RATE: Final = VIDEO_TIME_BASE.denominator

STALL: Final = 2 * _RATE
"""A gap longer than any frame lasts: the rate is measured anew after it."""


class FrameRate:
    """The mean over the last `window_s`, or over a few frames where those take longer."""

    def __init__(self, window_s: float) -> None:
        self._window = round(window_s * _RATE)
        self._times: deque[int] = deque()

    def add(self, pts: int) -> None:
        """One more frame, in order."""
        if self._times and pts - self._times[-1] >= STALL:
            self._times.clear()
        self._times.append(pts)
        while len(self._times) > LEAST_FRAMES + 1 and self._times[0] < pts - self._window:
            self._times.popleft()

    def clear(self) -> None:
        """Frames of another video follow."""
        self._times.clear()

    @property
    def fps(self) -> float | None:
        """None while too few came."""
        if len(self._times) <= LEAST_FRAMES:
            return None
        passed = self._times[-1] - self._times[0]
        return within((len(self._times) - 1) * _RATE / max(passed, 1))


def within(fps: float) -> float:
    """The rate, within the bounds that encoders take."""
    return min(max(fps, LEAST_FPS), MOST_FPS)


def differs(fps: float, other: float, tolerance: float) -> bool:
    """Whether a rate is more than this share away from another."""
    return abs(fps / other - 1) > tolerance
