"""Clocks for tests."""

from __future__ import annotations

import time


class HandClock:
    """Seconds that pass when a test says so."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Stalls:
    """Of a publisher's tracks, by kind: nothing is captured; audio's RTP clock stands still."""

    def __init__(self) -> None:
        self._until_s: dict[str, float] = {}

    def begin(self, kind: str, for_s: float) -> None:
        """It ends by itself."""
        self._until_s[kind] = time.monotonic() + for_s

    def left_s(self, kind: str) -> float:
        """How long it goes on; 0 or less if it doesn't."""
        return self._until_s.get(kind, 0.0) - time.monotonic()
