"""When an encoder has to work faster, and when it may take its time again. Pure.

Faster at once, as pictures would be dropped soon; the first time, if cores are idle, with one more
thread instead, which costs nothing of the picture. Slower only after a long calm with room for it.
A return that didn't hold makes the next one wait twice as long, and there are so many a day: each
change is a segment more to join. Going faster is bounded by that, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

FILLED: Final = 0.25
"""Share of the queue's limit from which an encoder falls behind; thinning begins at half."""

SPARE_CORES: Final = 0.5
"""Idle cores with which it is the encoder's threads that can't keep up, not the machine."""

CALM: Final = 0.05
"""Share below which it keeps pace."""

SETTLE_S: Final = 3.0
"""How long a step is given to show what it can do; an encoder takes a second to begin."""

CALM_S: Final = 30.0
"""How long all has to be well before the first return to a slower step."""

LONGEST_CALM_S: Final = 1800.0
RELAPSE_S: Final = 120.0
"""A return that has to be taken back within this time was too early."""

MOST_RETURNS: Final = 60
"""Within a day."""

DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Look:
    """The encoder as it is at one moment. None is what isn't known."""

    now_s: float
    filled: float
    """Share of the queue's limit that waits."""
    speed: float | None
    """Seconds of the stream encoded for each second of the clock, over the last ones."""
    idle_cores: float | None
    """Of those we may use, since the look before."""


class Pace:
    """Chooses the step; `look` often.

    `slowest` is the one there is room for, and the slowest that is taken; `costs` are the cores
    that the encoder takes at each step, `threads` how many it gets for that, if we decide it, of
    `most_threads`.
    """

    def __init__(
        self,
        slowest: int,
        costs: Sequence[float],
        threads: Sequence[int] = (),
        most_threads: int = 1,
    ) -> None:
        self.step = self._slowest = slowest
        self._costs = costs
        self._threads, self._most_threads, self._one_more = threads, most_threads, False
        self._returns: deque[float] = deque(maxlen=MOST_RETURNS)
        self._wait_s = CALM_S
        self._settles_s = float("-inf")
        self._calm_since_s: float | None = None

    @property
    def threads(self) -> int:
        """For the encoder at this step; 0 leaves it to others."""
        known = self._threads[self.step] if self._threads else 0
        return min(known + self._one_more, self._most_threads) if known else 0

    def content(self, now_s: float) -> bool:
        """It keeps pace at the slowest step that it may take, and could take a slower one."""
        return self.step == self._slowest > 0 and self._may_return(now_s)

    def allow(self, slowest: int, now_s: float) -> str | None:
        """There is room for this step by now, or no longer for a slower one.

        The reason if `step` has changed just now: room for others is made at once.
        """
        self._slowest = min(slowest, len(self._costs) - 1)
        if self.step >= self._slowest:
            return None
        self.step = self._slowest
        self.begun(now_s)
        return "another recording needs the room"

    def look(self, look: Look) -> str | None:
        """The reason if `step` or `threads` has changed just now."""
        self._note_calm(look)
        if look.now_s < self._settles_s:
            return None
        if self._behind(look):
            return self._faster(look)
        calm = self._calm_since_s is not None and look.now_s - self._calm_since_s >= self._wait_s
        return self._slower(look) if calm and self._may_return(look.now_s) else None

    def begun(self, now_s: float) -> None:
        """A new run of the encoder has begun: it is given time."""
        self._settles_s = now_s + SETTLE_S
        self._calm_since_s = None

    def _behind(self, look: Look) -> bool:
        return look.filled >= FILLED and look.speed is not None and look.speed < 1

    def _note_calm(self, look: Look) -> None:
        extra = self._costs[self.step - 1] - self._costs[self.step] if self.step else 0.0
        room = look.idle_cores is not None and look.idle_cores >= extra
        if self.step == self._slowest or look.filled > CALM or not room:
            self._calm_since_s = None
        elif self._calm_since_s is None:
            self._calm_since_s = look.now_s

    def _faster(self, look: Look) -> str | None:
        why = f"encoding at {look.speed:.2f} of real time, {look.filled:.0%} of the queue is full"
        more = 0 < self.threads < self._most_threads and not self._one_more
        if more and (look.idle_cores or 0.0) >= SPARE_CORES:
            self._one_more = True
            self.begun(look.now_s)
            return f"{why}, {look.idle_cores:.1f} cores are idle: one more thread"
        if self.step + 1 == len(self._costs):
            return None
        self._relapsed(look.now_s)
        self.step += 1
        self.begun(look.now_s)
        return why

    def _relapsed(self, now_s: float) -> None:
        """Goes faster: a return just before was too early."""
        if self._returns and now_s - self._returns[-1] < RELAPSE_S:
            self._wait_s = min(2 * self._wait_s, LONGEST_CALM_S)

    def _may_return(self, now_s: float) -> bool:
        return len(self._returns) < MOST_RETURNS or now_s - self._returns[0] > DAY_S

    def _slower(self, look: Look) -> str:
        self.step -= 1
        self._returns.append(look.now_s)
        self.begun(look.now_s)
        return f"it kept pace for {self._wait_s:g} s, and {look.idle_cores:.1f} cores are idle"
