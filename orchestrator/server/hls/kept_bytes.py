"""Bytes of the pieces that were asked for last: read or made once for all who watch."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

MOST_BYTES: Final = 64 * 2**20
Key = tuple[str, str, int, int]
"""Recording, segment's name, piece and part (-1: all of the piece)."""


class KeptBytes:
    """Bounded in bytes; one that is being made is made once."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._bytes = 0
        self._making: dict[Key, asyncio.Task[bytes]] = {}
        self._waiting: Counter[asyncio.Task[bytes]] = Counter()

    async def get(self, key: Key, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """What was made of it, or is made now; what `make` raises.

        `make` is cancelled when all who wait for it are.
        """
        if (data := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return data
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._made(key, make))
            task.add_done_callback(lambda done: self._done(key, done))
        return await self._awaited(key, task)

    def forget(self, recording_id: str) -> None:
        """Drops all of a recording; what is being made of it isn't kept."""
        for making in [key for key in self._making if key[0] == recording_id]:
            del self._making[making]
        for key in [key for key in self._kept if key[0] == recording_id]:
            self._bytes -= len(self._kept.pop(key))

    async def _awaited(self, key: Key, task: asyncio.Task[bytes]) -> bytes:
        """One that hangs up must not take it from the others."""
        self._waiting[task] += 1
        try:
            return await asyncio.shield(task)
        finally:
            self._waiting[task] -= 1
            if not self._waiting[task]:
                del self._waiting[task]
                if not task.done():
                    task.cancel()
                    self._forget_task(key, task)

    def _forget_task(self, key: Key, task: asyncio.Task[bytes]) -> None:
        if self._making.get(key) is task:
            del self._making[key]

    async def _made(self, key: Key, make: Callable[[], Awaitable[bytes]]) -> bytes:
        data = await make()
        if len(data) <= self._most_bytes and self._making.get(key) is asyncio.current_task():
            self._kept[key] = data
            self._bytes += len(data)
        while self._bytes > self._most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest)
        return data

    def _done(self, key: Key, task: asyncio.Task[bytes]) -> None:
        self._forget_task(key, task)
        if not task.cancelled():
            task.exception()  # whoever waits has it
