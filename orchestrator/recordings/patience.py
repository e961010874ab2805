"""How long to wait until something that failed is tried again. Pure: no clock, no waiting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from orchestrator.errors import HavenError

MOST_S: Final = 600.0
"""Longest wait, if nobody asks for a longer one."""


@dataclass(slots=True)
class Patience:
    """Counts the failures in a row: each doubles the wait, from `first_s` on."""

    first_s: float
    failures: int = 0

    def failed(self, error: HavenError) -> float:
        """Seconds to wait after one more failure; at least what the other side asked for."""
        wait_s = min(self.first_s * 2.0 ** min(self.failures, 16), MOST_S)
        self.failures += 1
        return max(wait_s, float(error.context.get("retry_after_s") or 0.0))
