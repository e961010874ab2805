"""When a publisher that has just connected sends in real time. Pure.

What it captured while it connected comes at once, and later than anything after it: times that
begin with that are wrong by as much until sender reports come. ffmpeg's ``-re`` begins with half a
second in a burst as well (its option ``-readrate_initial_burst``).
"""

from __future__ import annotations

from collections import deque
from typing import Final

from orchestrator.media import SECOND_NS

SPAN_NS: Final = SECOND_NS // 10
"""Over which a sender's pace is measured."""

FASTEST: Final = 1.5
"""Times real time: what comes faster was captured before."""

MOST: Final = 128
"""Frames that are remembered."""


class Pace:
    """The pace of one track."""

    def __init__(self) -> None:
        self._frames: deque[tuple[int, float]] = deque(maxlen=MOST)

    def steady(self, rtp_s: float, arrival_ns: int) -> bool:
        """Takes in a frame by its RTP time and arrival; whether it comes in real time."""
        self._frames.append((arrival_ns, rtp_s))
        earlier = [each for each in self._frames if arrival_ns - each[0] >= SPAN_NS]
        if not earlier:
            return False
        since_ns, from_s = earlier[-1]
        return (rtp_s - from_s) * SECOND_NS <= FASTEST * (arrival_ns - since_ns)
