"""When an encoder takes a faster speed step, and when a slower one again. Pure.

Faster at once, as frames would soon be dropped; the first time, if cores are idle, one more thread
instead, which costs no quality. Slower only after a long calm with enough idle cores. A return to a
slower step that didn't hold doubles the wait for the next one, and returns a day are limited: each
change is one more segment to join. That bounds changes to faster steps too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

FILLED: Final = 0.25
"""Share of the queue's limit from which an encoder is behind; frames are dropped from half on."""

SPARE_CORES: Final = 0.5
"""With so many idle cores the encoder has too few threads; the machine isn't what is slow."""

CALM: Final = 0.05
"""Share of the queue's limit up to which an encoder keeps pace."""

SETTLE_S: Final = 3.0
"""Time after a change in which the encoder isn't judged; it takes a second to begin."""

CALM_S: Final = 30.0
"""How long it has to keep pace before the first return to a slower step."""

LONGEST_CALM_S: Final = 1800.0
RELAPSE_S: Final = 120.0
"""A return that is undone within this time was too early."""

MOST_RETURNS: Final = 60
"""Most returns to a slower step within a day."""

DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class EncoderSample:
    """The state of the encoder at one moment; None is unknown."""

    now_s: float
    filled: float
    """Share of the queue's limit that is waiting to be encoded."""
    speed: float | None
    """Seconds of the stream encoded per second, over the last seconds."""
    idle_cores: float | None
    """Idle cores of those we may use, since the sample before."""


class SpeedPolicy:
    """Chooses the speed step; call `update` often, about once a second.

    `slowest`: the step that is reserved; no slower one is taken.
    `costs`: cores that the encoder takes at each step.
    `threads`: threads for the encoder at each step, up to `most_threads`; empty: it decides itself.
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

    def plan(self, costs: Sequence[float], threads: Sequence[int]) -> None:
        """Take new costs and threads of the steps, as the frame rate changed; steps stay."""
        self._costs = costs[: len(self._costs)]
        self._threads = threads

    @property
    def threads(self) -> int:
        """Threads for the encoder at this step; 0: it decides itself."""
        known = self._threads[self.step] if self._threads else 0
        return min(known + self._one_more, self._most_threads) if known else 0

    def content(self, now_s: float) -> bool:
        """Whether it keeps pace at the slowest reserved step, and could use a slower one."""
        return self.step == self._slowest > 0 and self._may_return(now_s)

    def allow(self, slowest: int, now_s: float) -> str | None:
        """This step is reserved now, and no slower one is taken.

        Returns the reason if `step` has changed: a faster step is taken at once.
        """
        self._slowest = min(slowest, len(self._costs) - 1)
        if self.step >= self._slowest:
            return None
        self.step = self._slowest
        self.begun(now_s)
        return "another recording needs the CPU"

    def update(self, sample: EncoderSample) -> str | None:
        """Returns the reason if `step` or `threads` has changed."""
        self._note_calm(sample)
        if sample.now_s < self._settles_s:
            return None
        if self._behind(sample):
            return self._faster(sample)
        calm = self._calm_since_s is not None and sample.now_s - self._calm_since_s >= self._wait_s
        return self._slower(sample) if calm and self._may_return(sample.now_s) else None

    def begun(self, now_s: float) -> None:
        """A new run of the encoder has begun: it isn't judged for SETTLE_S."""
        self._settles_s = now_s + SETTLE_S
        self._calm_since_s = None

    def _behind(self, sample: EncoderSample) -> bool:
        return sample.filled >= FILLED and sample.speed is not None and sample.speed < 1

    def _note_calm(self, sample: EncoderSample) -> None:
        extra = self._costs[self.step - 1] - self._costs[self.step] if self.step else 0.0
        enough_idle = sample.idle_cores is not None and sample.idle_cores >= extra
        if self.step == self._slowest or sample.filled > CALM or not enough_idle:
            self._calm_since_s = None
        elif self._calm_since_s is None:
            self._calm_since_s = sample.now_s

    def _faster(self, sample: EncoderSample) -> str | None:
        why = (
            f"encoding at {sample.speed:.2f} of real time, {sample.filled:.0%} of the queue is full"
        )
        more = 0 < self.threads < self._most_threads and not self._one_more
        if more and (sample.idle_cores or 0.0) >= SPARE_CORES:
            self._one_more = True
            self.begun(sample.now_s)
            return f"{why}, {sample.idle_cores:.1f} cores are idle: one more thread"
        if self.step + 1 == len(self._costs):
            return None
        self._relapsed(sample.now_s)
        self.step += 1
        self.begun(sample.now_s)
        return why

    def _relapsed(self, now_s: float) -> None:
        """A change to a faster step soon after a return: that return was too early."""
        if self._returns and now_s - self._returns[-1] < RELAPSE_S:
            self._wait_s = min(2 * self._wait_s, LONGEST_CALM_S)

    def _may_return(self, now_s: float) -> bool:
        return len(self._returns) < MOST_RETURNS or now_s - self._returns[0] > DAY_S

    def _slower(self, sample: EncoderSample) -> str:
        self.step -= 1
        self._returns.append(sample.now_s)
        self.begun(sample.now_s)
        return f"it kept pace for {self._wait_s:g} s, and {sample.idle_cores:.1f} cores are idle"
