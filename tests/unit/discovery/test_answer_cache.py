"""Answers remembered for a while: asked once by many, given again, forgotten in time, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from orchestrator.discovery.answer_cache import AnswerCache
from orchestrator.errors import SourceBusy, SourceUnreachable
from tests.kit.clocks import HandClock


class Oracle:
    """Counts how often it is asked; answers when it may, with the count or a failure."""

    def __init__(self) -> None:
        self.asked = 0
        self.may = asyncio.Event()
        self.may.set()
        self.fails = False

    async def __call__(self) -> int:
        self.asked += 1
        asked = self.asked
        await self.may.wait()
        if self.fails:
            raise SourceUnreachable("It is down.")
        return asked


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def answers(clock: HandClock) -> AnswerCache[int]:
    return AnswerCache(life_s=10, failure_life_s=2, most=2, clock=clock)


async def test_many_who_ask_at_once_ask_once(answers: AnswerCache[int]) -> None:
    oracle = Oracle()
    assert await asyncio.gather(*(answers.get("a", oracle) for _ in range(20))) == [1] * 20
    assert oracle.asked == 1


async def test_an_answer_is_given_again_for_its_life(
    answers: AnswerCache[int], clock: HandClock
) -> None:
    oracle = Oracle()
    assert await answers.get("a", oracle) == 1
    clock.now += 9.9
    assert await answers.get("a", oracle) == 1
    clock.now += 0.1
    assert await answers.get("a", oracle) == 2
    assert await answers.get("b", oracle) == 3, "another question"


async def test_a_failure_is_given_again_for_its_shorter_life(
    answers: AnswerCache[int], clock: HandClock
) -> None:
    oracle = Oracle()
    oracle.fails = True
    for passed_s, asked in ((0.0, 1), (1.9, 1), (0.1, 2)):
        clock.now += passed_s
        with pytest.raises(SourceUnreachable, match="It is down"):
            await answers.get("a", oracle)
        assert oracle.asked == asked


async def test_who_goes_takes_the_answer_from_nobody(answers: AnswerCache[int]) -> None:
    oracle = Oracle()
    oracle.may.clear()
    first, second = (asyncio.create_task(answers.get("a", oracle)) for _ in range(2))
    while not oracle.asked:
        await asyncio.sleep(0)
    first.cancel()
    oracle.may.set()
    assert await second == 1
    assert first.cancelled()


async def test_the_oldest_answer_makes_room(answers: AnswerCache[int]) -> None:
    oracle = Oracle()
    for key in ("a", "b", "c"):
        await answers.get(key, oracle)
    assert await answers.get("b", oracle) == 2
    assert await answers.get("a", oracle) == 4


async def test_questions_under_way_are_bounded(answers: AnswerCache[int]) -> None:
    oracle = Oracle()
    oracle.may.clear()
    waiting = [asyncio.create_task(answers.get(key, oracle)) for key in ("a", "b")]
    while oracle.asked < 2:
        await asyncio.sleep(0)
    with pytest.raises(SourceBusy, match="2 requests"):
        await answers.get("c", oracle)
    oracle.may.set()
    assert await asyncio.gather(*waiting) == [1, 2]
    assert await answers.get("c", oracle) == 3


async def test_close_ends_what_is_under_way(answers: AnswerCache[int]) -> None:
    ended = asyncio.Event()

    async def ask() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 0

    waiting: asyncio.Task[int] = asyncio.create_task(_get(answers, ask()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await answers.close()
    assert ended.is_set()
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()


async def _get(answers: AnswerCache[int], asking: Coroutine[Any, Any, int]) -> int:
    return await answers.get("a", lambda: asking)
