"""Whose turn it is to have a piece made: players never have all cores, nor all threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from orchestrator.errors import Unavailable
from orchestrator.monitor.machine import cores_allowed
from orchestrator.transcoding.threads import to_its_end

MOST_WAITING: Final = 200
"""Pieces that are made or wait for that; a player asks again for what is more."""
MOST_AT_ONCE: Final = 8


class PieceMakers:
    """Makes pieces in threads, as many at once as half of the cores, first come, first served.

    Copied microphones are decoded and encoded for a piece; who seeks through hours asks for many.
    """

    def __init__(self) -> None:
        self._turns: asyncio.Semaphore | None = None
        self._waiting = 0

    async def make(self, work: Callable[[], bytes]) -> bytes:
        """What `work`, which blocks, makes or raises; Unavailable if too many wait.

        One that is cancelled gives its turn back, once its thread has ended.
        """
        if self._waiting >= MOST_WAITING:
            raise Unavailable(
                f"{MOST_WAITING} pieces of HLS are being made for players already",
                "Ask again in a moment; recordings are not affected.",
                retry_after_s=1.0,
            )
        self._waiting += 1
        try:
            async with await self._all_turns():
                return await to_its_end(work)
        finally:
            self._waiting -= 1

    async def _all_turns(self) -> asyncio.Semaphore:
        cores = await asyncio.to_thread(cores_allowed) if self._turns is None else 0.0
        if self._turns is None:
            self._turns = asyncio.Semaphore(max(1, min(MOST_AT_ONCE, int(cores / 2))))
        return self._turns
