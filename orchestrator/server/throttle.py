"""Few recordings start at the same time: a process that starts keeps a core busy.

Twenty at once on two cores would all be late. So each start waits for a slot, and is refused if
it can't have one in time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from orchestrator.errors import TooManyRecordings

AT_ONCE: Final = 4
"""With it, of twenty starts at once on two cores eight were recorded within 13 s; without, none."""

LEAST_S: Final = 4.0
"""About the time that a start takes: with less time left before its deadline none begins."""

RETRY_AFTER_S: Final = 5.0


class StartThrottle:
    """At most `slots` recordings start at the same time, in the order of their requests."""

    def __init__(self, slots: int = AT_ONCE) -> None:
        self._slots = slots
        self._free = asyncio.Semaphore(slots)

    @asynccontextmanager
    async def slot(self, stream_id: str, deadline: float) -> AsyncIterator[None]:
        """Holds a slot; raises TooManyRecordings when none is free in time for the deadline.

        `deadline` is in seconds on the monotonic clock.
        """
        try:
            async with asyncio.timeout(max(0.0, deadline - LEAST_S - time.monotonic())):
                await self._free.acquire()
        except TimeoutError as late:
            raise TooManyRecordings(
                f"{stream_id} isn't recorded: "
                f"{self._slots} others are starting, the most at a time.",
                "Ask again in a moment.",
                retry_after_s=RETRY_AFTER_S,
            ) from late
        try:
            yield
        finally:
            self._free.release()
