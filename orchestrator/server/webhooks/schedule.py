"""Whether and when a call that failed is tried again. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

FIRST_S: Final = 5.0
LONGEST_S: Final = 3600.0
DAY: Final = timedelta(days=1)
"""How long a call is tried."""
LEAST_ATTEMPTS: Final = 3
"""Of one that waited for a day before it could be tried."""
REFUSED_ATTEMPTS: Final = 5
"""Of one that the receiver refuses: more don't help, but its configuration may be mended."""
_JITTER: Final = 0.2

_PASSING: Final = frozenset({408, 409, 425, 429})
"""4xx that say: later (RFC 9110 §15.5.9 and 10, RFC 8470, RFC 6585)."""

GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt."""

    status: int | None = None
    """None: there was no answer."""
    error: str | None = None
    """What is wrong; None: it is delivered."""
    retry_after_s: float | None = None
    refused: bool = False
    """It isn't sent there at all, as its address is private."""

    @property
    def final(self) -> bool:
        """Whether trying again for a day is of no use."""
        status = self.status or 0
        return self.refused or (300 <= status < 500 and status not in _PASSING)


def next_try(answer: Answer, attempts: int, since: datetime, now: datetime) -> datetime | None:
    """When it is tried again after so many attempts; None: it is given up."""
    if answer.final and attempts >= REFUSED_ATTEMPTS:
        return None
    wait_s = min(FIRST_S * 2.0 ** min(attempts - 1, 16), LONGEST_S)
    wait_s *= random.uniform(1 - _JITTER, 1 + _JITTER)
    at = now + timedelta(seconds=max(wait_s, min(answer.retry_after_s or 0.0, LONGEST_S)))
    return at if at - since <= DAY or attempts < LEAST_ATTEMPTS else None
