"""Exponential back-off: how long to wait until something that failed is tried again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from orchestrator.errors import HavenError

MOST_S: Final = 600.0
"""Longest wait, unless the other side asks for a longer one."""


@dataclass(slots=True)
class RetryDelay:
    """Counts failures in a row: the first wait is `first_s` seconds, each failure doubles it."""

    first_s: float
    failures: int = 0

    def failed(self, error: HavenError | None = None) -> float:
        """Seconds to wait after one more failure, at least those that the other side asked for.

        An error may say that it is worth trying sooner (`context["retry_within_s"]`).
        """
        context = error.context if error is not None else {}
        most_s = float(context.get("retry_within_s", MOST_S))
        wait_s = min(self.first_s * 2.0 ** min(self.failures, 16), most_s)
        self.failures += 1
        asked_s = context.get("retry_after_s")
        return max(wait_s, float(asked_s or 0.0))
