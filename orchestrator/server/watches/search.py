"""How the search for a watched stream goes, and when it is looked for again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from orchestrator.errors import HavenError
from orchestrator.server.retry_delay import RetryDelay

LONGEST_ABSENT_S: Final = 60.0
"""Longest pause before the next start of a stream that only a start finds out about."""


@dataclass(slots=True)
class Search:
    """How the search for one stream went since this server started."""

    delay: RetryDelay
    looked_at: datetime | None = None
    error: HavenError | None = None
    retry_at_s: float = 0.0
    """When it is tried again, in seconds on the monotonic clock."""

    def failed(self, error: HavenError) -> None:
        """Try again later; each failure doubles the wait."""
        self.error = error
        self.retry_at_s = time.monotonic() + self.delay.failed(error)

    def absent(self) -> None:
        """It turned out not to be live when its recording was to start, which nothing has failed
        in: try again later, after a minute at most."""
        self.error = None
        self.retry_at_s = time.monotonic() + min(self.delay.failed(), LONGEST_ABSENT_S)

    def retry_at(self) -> datetime | None:
        """When it is tried again, in UTC; None when nothing failed."""
        if self.error is None:
            return None
        return datetime.now(UTC) + timedelta(seconds=max(0.0, self.retry_at_s - time.monotonic()))
