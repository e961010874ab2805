"""When a recording's true frame rate replaces the one that was planned with. Pure.

CPU is reserved for a rate, and some encoders spread their bits by the rate that they began with:
for those each change is a new segment. So a new rate has to last before it is taken, and one that
keeps changing has to last longer each time.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from orchestrator.pipes.frame_rate import differs

TOLERANCE: Final = 0.1
"""Share by which the rate may differ from the plan."""

HOLD_S: Final = 3.0
"""How long a new rate has to last."""

FIRST_S: Final = 1.0
"""The same if the plan is a guess, as no rate was known when it was made."""

LONGEST_S: Final = 300.0
FORGET_S: Final = 600.0
"""Each change within this time doubles the wait for the next one, up to `LONGEST_S`."""


class FrameRatePlan:
    """Call `update` often; `planned` is the rate to plan with, in frames per second."""

    def __init__(self, planned: float, *, guessed: bool) -> None:
        self.planned, self._guessed = planned, guessed
        self._off_since_s: float | None = None
        self._changes: deque[float] = deque()

    def update(self, now_s: float, fps: float | None) -> bool:
        """Returns whether `planned` has changed; `fps` is None while the true rate is unknown."""
        if fps is None or not differs(fps, self.planned, TOLERANCE):
            self._guessed = self._guessed and fps is None
            self._off_since_s = None
            return False
        if self._off_since_s is None:
            self._off_since_s = now_s
        if now_s - self._off_since_s < self._hold_s(now_s):
            return False
        if not self._guessed:
            self._changes.append(now_s)
        self.planned, self._guessed, self._off_since_s = fps, False, None
        return True

    def _hold_s(self, now_s: float) -> float:
        while self._changes and now_s - self._changes[0] > FORGET_S:
            self._changes.popleft()
        if self._guessed:
            return FIRST_S
        return min(HOLD_S * 2.0 ** len(self._changes), LONGEST_S)
