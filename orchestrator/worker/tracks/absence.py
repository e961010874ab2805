"""That video or audio is missing: why, since when, and what is recorded instead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final


@dataclass(slots=True)
class Absence:
    """Video or audio that is missing: why, and since when."""

    reason: str | None = None
    since: datetime | None = None

    def look(self, reason: str | None) -> None:
        """Why it is missing now; None while it arrives. `since` is the first such moment."""
        self.reason = reason
        self.since = None if reason is None else self.since or datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Instead:
    """What is recorded where nothing arrives, in words."""

    video: str
    stalled_video: str
    audio: str


FILLED: Final = Instead(
    "black frames are recorded", "the last frame is held", "silence is recorded"
)
NOTHING: Final = Instead(*3 * ("nothing is recorded in its place",))
"""Of a recording that isn't encoded."""
