"""Limits how many of a server's messages are handled a second; the rest wait in the socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from orchestrator.logs import Repeated

log = structlog.get_logger(__name__)


class TokenBucket:
    """`burst` at once, then `per_s` each second."""

    def __init__(
        self, burst: float, per_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst, self._per_s = burst, per_s
        self._clock = clock
        self._left = burst
        self._looked = clock()

    def take(self) -> bool:
        """Takes a token; False if there is none."""
        self._fill()
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def wait_s(self, cost: float = 1.0) -> float:
        """Takes `cost` tokens; returns how long to wait before going on."""
        self._fill()
        self._left -= cost
        return max(0.0, -self._left / self._per_s)

    def _fill(self) -> None:
        now = self._clock()
        passed_s, self._looked = now - self._looked, now
        self._left = min(self._burst, self._left + passed_s * self._per_s)


class RateLimit(TokenBucket):
    """A token bucket whose user waits."""

    def __init__(
        self,
        messages: str,
        *,
        burst: float,
        per_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(burst, per_s, clock)
        self._messages = messages
        self._slowed = Repeated(log.warning)

    async def wait(self, cost: float = 1.0) -> None:
        """Takes `cost` tokens and waits until they are there."""
        if (wait_s := self.wait_s(cost)) > 0:
            self._slowed(
                "a LiveKit server exceeds the rate limit; delayed",
                messages=self._messages,
            )
            await asyncio.sleep(wait_s)
