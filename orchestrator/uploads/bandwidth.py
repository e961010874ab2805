"""At most so many bits per second, over all files of one output."""

from __future__ import annotations

import asyncio
import time
from typing import Final

BURST_S: Final = 0.25
"""What may be sent at once, in seconds of the rate."""


class Bandwidth:
    """A token bucket; None: no limit."""

    def __init__(self, bps: int | None) -> None:
        self._rate = None if bps is None else bps / 8
        self._free_at_s = 0.0

    def at_most(self, size: int) -> int:
        """What may be read at a time, up to `size` bytes: no more than one second's."""
        return size if self._rate is None else max(1, min(size, int(self._rate)))

    async def take(self, size: int) -> None:
        """Returns when so many bytes may be sent."""
        if self._rate is None:
            return
        now_s = time.monotonic()
        begin_s = max(self._free_at_s, now_s - BURST_S)
        self._free_at_s = begin_s + size / self._rate
        if (rest_s := self._free_at_s - now_s) > 0:
            await asyncio.sleep(rest_s)
