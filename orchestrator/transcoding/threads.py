"""Work in threads that nobody is left behind by: a cancelled caller waits for its thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_T = TypeVar("_T")
_P = ParamSpec("_P")

Cancelled = Callable[[], bool]


async def to_its_end(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Like asyncio.to_thread; when we are cancelled it is waited for, as a thread goes on."""
    working = asyncio.create_task(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.gather(working, return_exceptions=True)
        raise


async def stoppable(work: Callable[[Cancelled], _T]) -> _T:
    """The same for work that looks now and then whether we are cancelled."""
    stop = threading.Event()
    working = asyncio.create_task(to_its_end(work, stop.is_set))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.gather(working, return_exceptions=True)
        raise
