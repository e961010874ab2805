"""Clients that hang up before they have their answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

_T = TypeVar("_T")


async def unless_hung_up(request: Request, work: Coroutine[Any, Any, _T]) -> _T | None:
    """What `work` returns or raises; None if the client hangs up first: then it is cancelled.

    For requests without a body: raises what is wrong with one that comes.
    """
    working, hung_up = asyncio.create_task(work), asyncio.create_task(_hung_up(request))
    try:
        await asyncio.wait({working, hung_up}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return await working
        return hung_up.result()
    finally:
        working.cancel()
        hung_up.cancel()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
