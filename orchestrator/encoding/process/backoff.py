"""How long to wait before the next run, and when to give up. Pure: no clock, no waiting."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

WINDOW_S: Final = 300.0
"""Failures older than this are forgotten."""


@dataclass(slots=True)
class Backoff:
    """Counts failures. The first crash after a healthy run has no delay: frames are waiting."""

    max_restarts: int
    """How many failures within five minutes are retried; 0 gives up at the first."""
    first_s: float = 1.0
    most_s: float = 60.0
    healthy_s: float = 60.0
    """A run that lasted this long resets the delay."""
    jitter: float = 0.2
    """Random share of a delay, so that many recordings don't retry at the same moment."""
    chance: Callable[[], float] = random.random
    _failures: deque[float] = field(init=False)
    _step: int = field(default=0, init=False)
    _at_once: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        self._failures = deque(maxlen=self.max_restarts + 1)

    def failed(self, now_s: float, *, ran_s: float) -> float | None:
        """The delay before the next run, in seconds; None to give up.

        `ran_s`: how long the run had been encoding when it failed; 0 when it never began.
        """
        self._failures.append(now_s)
        recent = [at for at in self._failures if now_s - at <= WINDOW_S]
        if len(recent) > self.max_restarts:
            return None
        if ran_s >= self.healthy_s:
            self._step, self._at_once = 0, True
        return self._delay(began=ran_s > 0)

    def _delay(self, *, began: bool) -> float:
        if began and self._at_once:
            self._at_once = False
            return 0.0
        delay = min(self.most_s, self.first_s * 2.0 ** min(self._step, 16))
        self._step += 1
        return delay * (1 + self.jitter * (2 * self.chance() - 1))
