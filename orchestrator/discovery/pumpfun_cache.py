"""Answers that are remembered for a short while; of many who ask the same, only one asks."""

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
class _Question(Generic[Answer]):
    """One that is under way, or was answered and holds until a moment."""

    task: asyncio.Task[Answer]
    until: float = math.inf


class Answers(Generic[Answer]):
    """At most `most` questions, under way or answered; the oldest answer makes room.

    An answer is good for `life_s` seconds, a failure for `failure_life_s`: who asks again at once
    is told the same. Who is cancelled while waiting takes the answer from nobody else.
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
        self._questions: OrderedDict[Hashable, _Question[Answer]] = OrderedDict()

    async def get(self, key: Hashable, ask: Ask[Answer]) -> Answer:
        """The answer of `ask`, or of who asked the same a moment ago; a failure likewise.

        Raises SourceBusy when too many other questions are under way.
        """
        question = self._questions.get(key)
        if question is None or question.until <= self._clock():
            question = self._begin(key, ask)
        return await asyncio.shield(question.task)

    async def close(self) -> None:
        """Ends the questions that are under way, and forgets every answer."""
        tasks = [question.task for question in self._questions.values()]
        self._questions.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: Hashable, ask: Ask[Answer]) -> _Question[Answer]:
        self._questions.pop(key, None)
        self._make_room()
        question = self._questions[key] = _Question(asyncio.create_task(ask()))

        def answered(task: asyncio.Task[Answer]) -> None:
            failed = task.cancelled() or task.exception() is not None
            question.until = self._clock() + (self._failure_life_s if failed else self._life_s)

        question.task.add_done_callback(answered)
        return question

    def _make_room(self) -> None:
        if len(self._questions) < self._most:
            return
        oldest = next((k for k, q in self._questions.items() if q.task.done()), None)
        if oldest is None:
            raise SourceBusy(
                f"{self._most} questions about other streams are under way already.",
                "Ask again in a moment.",
                retry_after_s=1,
            )
        del self._questions[oldest]
