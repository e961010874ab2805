"""Waiting for a condition, and saying what was there when it did not come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def eventually(
    reached: Callable[[], bool], seen: Callable[[], object], *, within_s: float
) -> None:
    """Waits until it is so; fails with what `seen` gives when it is not in time."""
    deadline = time.monotonic() + within_s
    while not reached():
        assert time.monotonic() < deadline, seen()
        await asyncio.sleep(0.05)
