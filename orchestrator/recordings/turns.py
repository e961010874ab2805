"""Few recordings begin at the same time: a process that starts keeps a core busy.

Twenty at once on two cores would all be late, those that could have begun as well. So each waits
for its turn; who can't have it in time is told so, with time left for the others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from orchestrator.errors import TooManyRecordings

AT_ONCE: Final = 4
"""Of twenty starts at once on two cores eight were recorded within 13 s this way, else none."""

LEAST_S: Final = 4.0
"""What beginning takes, more or less: with less time left none begins."""

RETRY_AFTER_S: Final = 5.0


class Turns:
    """At most `places` begin at the same time; who comes first is first (asyncio.Semaphore)."""

    def __init__(self, places: int = AT_ONCE) -> None:
        self._places = places
        self._free = asyncio.Semaphore(places)

    @asynccontextmanager
    async def taken(self, mint_id: str, deadline: float) -> AsyncIterator[None]:
        """One's turn; TooManyRecordings when it doesn't come in time for the deadline.

        `deadline` is on the monotonic clock.
        """
        try:
            async with asyncio.timeout(max(0.0, deadline - LEAST_S - time.monotonic())):
                await self._free.acquire()
        except TimeoutError as late:
            raise TooManyRecordings(
                f"{mint_id} isn't recorded: others are just beginning, {self._places} at a time.",
                "Ask again in a moment.",
                retry_after_s=RETRY_AFTER_S,
            ) from late
        try:
            yield
        finally:
            self._free.release()
