"""When a failed upload is tried again, and where. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orchestrator.errors import UploadError

FIRST_S: Final = 2.0
LONGEST_S: Final = 300.0
"""Between two tries,"""
LIVE_LONGEST_S: Final = 15.0
"""and while somebody may be watching the recording at the target."""
GIVE_UP: Final = timedelta(days=7)
"""Since the first of the failures in a row, of errors that may pass by themselves."""
TRIES_BEFORE_FALLBACK: Final = 3
"""In a row, of such an error."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What comes of a failure: another target, another try, or neither."""

    fallback: bool = False
    next_try_at: datetime | None = None

    @property
    def gives_up(self) -> bool:
        """Whether it has failed for good."""
        return not self.fallback and self.next_try_at is None


def decide(
    error: UploadError,
    tries: int,
    *,
    has_fallback: bool,
    since: datetime,
    now: datetime,
    live: bool = False,
) -> Decision:
    """`tries`: those in a row that failed, with this one; `since`: when the first of them did;
    `live`: pieces of a recording that runs are missing.
    """
    if has_fallback and error.of_target and (error.lasting or tries >= TRIES_BEFORE_FALLBACK):
        return Decision(fallback=True, next_try_at=now)
    if error.lasting or now - since > GIVE_UP:
        return Decision()
    return Decision(
        next_try_at=now + timedelta(seconds=pause_s(tries, LIVE_LONGEST_S if live else LONGEST_S))
    )


def pause_s(tries: int, most_s: float = LONGEST_S) -> float:
    """Seconds until the next try: doubled each time, and spread, as many fail at once."""
    longest: float = min(FIRST_S * 2 ** min(tries - 1, 16), most_s)
    return longest * random.uniform(0.75, 1.0)
