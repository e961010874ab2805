"""That video or audio is missing: why, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(slots=True)
class Absence:
    """Video or audio that is missing: why, and since when."""

    reason: str | None = None
    since: datetime | None = None

    def look(self, reason: str | None) -> None:
        """Why it is missing now; None while it arrives. `since` is the first such moment."""
        self.reason = reason
        self.since = None if reason is None else self.since or datetime.now(UTC)
