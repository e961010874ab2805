"""A cache of answers with a short lifetime; concurrent requests for one key share one answer."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from orchestrator.errors import SourceBusy

Answer = TypeVar("Answer")
Ask = Callable[[], Coroutine[Any, Any, Answer]]


@dataclass(slots=True)
class _Entry(Generic[Answer]):
    """A request that is under way, or was answered and is valid until a time."""

    task: asyncio.Task[Answer]
    until: float = math.inf


class AnswerCache(Generic[Answer]):
    """At most `most` entries, under way or answered; the oldest answer is evicted.

    An answer is valid for `life_s` seconds, a failure for `failure_life_s`: asking again at once
    gives the same. A caller that is cancelled while waiting doesn't cancel the request for others.

    Not async_lru, which caches no failures and evicts requests that are under way, so that more
    than `most` run at once (both are in the tests of this module); cachetools has no coroutines.
    """

    def __init__(
        self,
        *,
        life_s: float,
        failure_life_s: float,
        most: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._life_s, self._failure_life_s, self._most = life_s, failure_life_s, most
        self._clock = clock
        self._entries: OrderedDict[Hashable, _Entry[Answer]] = OrderedDict()

    async def get(self, key: Hashable, ask: Ask[Answer]) -> Answer:
        """The cached answer, or that of `ask`; raises what `ask` raised, cached likewise.

        Raises SourceBusy when too many other requests are under way.
        """
        entry = self._entries.get(key)
        if entry is None or entry.until <= self._clock():
            entry = self._begin(key, ask)
        return await asyncio.shield(entry.task)

    async def close(self) -> None:
        """Cancels the requests that are under way, and forgets all answers."""
        tasks = [entry.task for entry in self._entries.values()]
        self._entries.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: Hashable, ask: Ask[Answer]) -> _Entry[Answer]:
        self._entries.pop(key, None)
        self._make_room()
        entry = self._entries[key] = _Entry(asyncio.create_task(ask()))

        def answered(task: asyncio.Task[Answer]) -> None:
            failed = task.cancelled() or task.exception() is not None
            entry.until = self._clock() + (self._failure_life_s if failed else self._life_s)

        entry.task.add_done_callback(answered)
        return entry

    def _make_room(self) -> None:
        if len(self._entries) < self._most:
            return
        oldest = next((k for k, q in self._entries.items() if q.task.done()), None)
        if oldest is None:
            raise SourceBusy(
                f"{self._most} requests about other streams are already under way.",
                "Ask again in a moment.",
                retry_after_s=1,
            )
        del self._entries[oldest]
